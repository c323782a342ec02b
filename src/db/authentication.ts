import { createHash, createHmac, pbkdf2, randomBytes, timingSafeEqual } from 'node:crypto'
import { promisify } from 'node:util'
import { saslPassword } from './password.ts'
import { ConnectionError } from './sqlstate.ts'

/** The server cannot be told from an impostor: it asks for the password itself, or for none. */
export class UntrustedServerError extends Error {}

export interface Credentials {
  user: string
  password: string | undefined
  /** Whether the server's certificate was verified, or it is on this machine. */
  isServerKnown: boolean
}

/** The client's side of an authentication. */
export interface Authentication {
  /**
   * The answer to a request of the server, if it takes one.
   *
   * @param request a message `Authentication…` of the protocol, without its header
   * @throws {UntrustedServerError}
   * @throws {ConnectionError} when it is malformed, or out of order
   */
  answer(request: Buffer): Promise<Buffer | undefined>
  /** True after `AuthenticationOk`. */
  isOver(): boolean
}

// https://www.postgresql.org/docs/current/protocol-message-formats.html
const OK = 0
const CLEARTEXT_PASSWORD = 3
const MD5_PASSWORD = 5
const SASL = 10
const SASL_CONTINUE = 11
const SASL_FINAL = 12

const MECHANISM = 'SCRAM-SHA-256'

/** PostgreSQL's default is 4,096. More than this would take longer than a second. */
const MAX_ITERATIONS = 1_000_000

const ADVICE = 'use sslmode=verify-full (with sslrootcert where its authority is not a public one)'

const refuse = (problem: string): never => {
  throw new UntrustedServerError(`the server ${problem}, as an impostor would: ${ADVICE}`)
}

const violation = (): never => {
  throw new ConnectionError('PROTOCOL_VIOLATION')
}

type Answer = string | Buffer | undefined

const md5 = (...parts: (string | Buffer)[]): string =>
  parts.reduce((hash, part) => hash.update(part), createHash('md5')).digest('hex')

const hmac = (key: Buffer, text: string): Buffer => createHmac('sha256', key).update(text).digest()

/** Runs on another thread, because a server may ask for many iterations. */
const deriveKey = promisify(pbkdf2)

const withLength = (text: string): Buffer => {
  const bytes = Buffer.from(`\0\0\0\0${text}`)
  bytes.writeInt32BE(bytes.length - 4)
  return bytes
}

/**
 * The client's side of SCRAM-SHA-256 (RFC 5802, RFC 7677), which also proves that the server knows the password. The user
 * name is empty here: the server takes it from the startup message.
 */
const createScram = (password: string) => {
  const nonce = randomBytes(18).toString('base64')
  const first = `n=,r=${nonce}`
  let signature: Buffer | undefined

  return {
    first: `n,,${first}`,
    async proof(challenge: string): Promise<string> {
      const [, serverNonce = '', salt = '', count = ''] =
        /^r=([!-+\--~]+),s=([A-Za-z0-9+/]+={0,2}),i=(\d{1,10})(?:,|$)/.exec(challenge) ?? violation()
      const iterations = Number(count)
      if (!serverNonce.startsWith(nonce) || serverNonce === nonce || iterations < 1) violation()
      if (iterations > MAX_ITERATIONS) refuse(`asks for ${iterations} iterations of SCRAM`)
      const key = await deriveKey(
        await saslPassword(password),
        Buffer.from(salt, 'base64'),
        iterations,
        32,
        'sha256',
      )
      const clientKey = hmac(key, 'Client Key')
      const last = `c=biws,r=${serverNonce}`
      const exchange = `${first},${challenge},${last}`
      signature = hmac(hmac(key, 'Server Key'), exchange)
      const mask = hmac(createHash('sha256').update(clientKey).digest(), exchange)
      const proof = Buffer.from(clientKey.map((byte, index) => byte ^ (mask[index] ?? 0)))
      return `${last},p=${proof.toString('base64')}`
    },
    isProvenBy(outcome: string): boolean {
      const given = Buffer.from(/^v=([A-Za-z0-9+/]+={0,2})(?:,|$)/.exec(outcome)?.[1] ?? '', 'base64')
      return signature !== undefined && given.length === signature.length && timingSafeEqual(given, signature)
    },
  }
}

/**
 * Begins an authentication. That of postgres.js 3.4.9 is not used: it computes any number of iterations on the event loop,
 * throws an unhandled rejection on a malformed message, and sends the password to any server that asks for it.
 */
export const createAuthentication = ({ user, password, isServerKnown }: Credentials): Authentication => {
  const secret = password ?? ''
  let scram: ReturnType<typeof createScram> | undefined
  let isProven = false
  let isOver = false

  const steps: Record<number, (content: Buffer) => Answer | Promise<Answer>> = {
    [OK]() {
      if (scram && !isProven) violation()
      if (secret !== '' && !isProven && !isServerKnown) refuse('lets us in without asking for the password')
      isOver = true
      return undefined
    },
    [CLEARTEXT_PASSWORD]() {
      if (secret !== '' && !isServerKnown) refuse('asks for the password itself')
      isProven = true
      return `${secret}\0`
    },
    [MD5_PASSWORD](salt) {
      if (secret !== '' && !isServerKnown) refuse('asks for the password as MD5')
      isProven = true
      return `md5${md5(md5(secret, user), salt)}\0`
    },
    [SASL](mechanisms) {
      if (scram || !mechanisms.toString('latin1').split('\0').includes(MECHANISM)) violation()
      scram = createScram(secret)
      return Buffer.concat([Buffer.from(`${MECHANISM}\0`), withLength(scram.first)])
    },
    [SASL_CONTINUE]: (challenge) => (scram ?? violation()).proof(challenge.toString('latin1')),
    [SASL_FINAL](outcome) {
      isProven = scram?.isProvenBy(outcome.toString('latin1')) ?? false
      if (!isProven) violation()
      return undefined
    },
  }

  return {
    async answer(request) {
      if (request.length < 4 || isOver) violation()
      const code = request.readInt32BE(0)
      const step = steps[code]
      if (!step)
        throw new UntrustedServerError(
          `the server asks for an authentication that is not supported (${code})`,
        )
      const content = await step(request.subarray(4))
      if (content === undefined) return undefined
      const message = Buffer.concat([Buffer.from('p\0\0\0\0'), Buffer.from(content)])
      message.writeInt32BE(message.length - 1, 1)
      return message
    },
    isOver: () => isOver,
  }
}
