import type { Duplex } from 'node:stream'

const PRINTABLE_ASCII = /^[\x20-\x7e]*$/

/**
 * A password in the form that SCRAM hashes: SASLprep (RFC 4013). It stays as it is where that prohibits it, as in
 * libpq. PostgreSQL looks for what is prohibited before it normalizes, and the package after that: the few
 * characters that are newer than Unicode 3.2 and not in normal form (`㋿`) are taken differently.
 */
const saslPassword = async (password: string): Promise<string> => {
  if (PRINTABLE_ASCII.test(password)) return password
  // Loaded only when asked for: its tables are unpacked at once.
  const { default: saslprep } = await import('@mongodb-js/saslprep')
  try {
    return saslprep(password) || password
  } catch {
    return password
  }
}

const AUTHENTICATION = 'R'.charCodeAt(0)
const SASL = 10

/**
 * What the driver sends as the password, which it does not prepare: for SCRAM in the form of SASLprep, for the
 * older methods as it is. The server's first message tells which it asks for.
 * https://www.postgresql.org/docs/current/protocol-message-formats.html
 *
 * @param socket one on which nothing has been said yet
 */
export const passwordOn = (socket: Duplex, password: string): (() => Promise<string>) => {
  const isScram = new Promise<boolean>((resolve) => {
    socket.once('data', (first: Buffer) =>
      resolve(first[0] === AUTHENTICATION && first.length >= 9 && first.readUInt32BE(5) === SASL),
    )
  })
  return async () => ((await isScram) ? saslPassword(password) : password)
}
