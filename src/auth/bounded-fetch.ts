import { brotliDecompressSync, gunzipSync, inflateSync } from 'node:zlib'

const decompress: Record<string, typeof gunzipSync> = {
  gzip: gunzipSync,
  br: brotliDecompressSync,
  deflate: inflateSync,
}

/**
 * Reads the text of a response of at most `maxBytes`, before and after decompression. `fetch` must not have
 * decompressed it.
 *
 * @throws {Error} when it is larger, or its compression is broken or unknown
 */
export const readBounded = async (response: Response, maxBytes: number): Promise<string> => {
  const tooLarge = `it is larger than ${maxBytes} bytes`
  const chunks: Uint8Array[] = []
  let length = 0
  for await (const chunk of response.body ?? []) {
    length += chunk.length
    if (length > maxBytes) throw new Error(tooLarge)
    chunks.push(chunk)
  }
  const bytes = Buffer.concat(chunks)
  const coding = response.headers.get('content-encoding')?.toLowerCase() ?? 'identity'
  if (coding === 'identity') return bytes.toString()
  const decode = decompress[coding]
  if (!decode) throw new Error('it is compressed in an unknown way')
  try {
    return decode(bytes, { maxOutputLength: maxBytes }).toString()
  } catch (cause) {
    throw new Error(`${tooLarge}, or its compression is broken`, { cause })
  }
}
