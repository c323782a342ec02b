import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { run } from './run.ts'

export interface CertificateFiles {
  /** The authority's certificate, for clients. */
  caFile: string
  certificateFile: string
  keyFile: string
}

/** A self-made authority and a certificate of it that is good for the name `localhost` and no other. */
export async function createCertificate(directory: string): Promise<CertificateFiles> {
  const inDirectory = (name: string) => join(directory, name)
  const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes']
  const openssl = (...args: string[]) => run(['openssl', ...args], { cwd: directory })
  await writeFile(inDirectory('extensions'), 'subjectAltName=DNS:localhost\nbasicConstraints=CA:FALSE\n')
  await openssl(
    'req',
    '-x509',
    ...key,
    '-days',
    '2',
    '-subj',
    '/CN=Test CA',
    '-keyout',
    'ca.key',
    '-out',
    'ca.crt',
  )
  await openssl('req', ...key, '-subj', '/CN=localhost', '-keyout', 'server.key', '-out', 'server.csr')
  const authority = ['-CA', 'ca.crt', '-CAkey', 'ca.key', '-CAcreateserial', '-extfile', 'extensions']
  await openssl('x509', '-req', '-days', '2', '-in', 'server.csr', ...authority, '-out', 'server.crt')
  return {
    caFile: inDirectory('ca.crt'),
    certificateFile: inDirectory('server.crt'),
    keyFile: inDirectory('server.key'),
  }
}
