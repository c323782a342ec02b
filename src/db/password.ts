const PRINTABLE_ASCII = /^[\x20-\x7e]*$/

/**
 * A password in the form that SCRAM hashes: SASLprep (RFC 4013). It stays as it is where that prohibits it, as in
 * libpq. PostgreSQL looks for what is prohibited before it normalizes, and the package after that: the few
 * characters that are newer than Unicode 3.2 and not in normal form (`㋿`) are taken differently.
 */
export const saslPassword = async (password: string): Promise<string> => {
  if (PRINTABLE_ASCII.test(password)) return password
  // Loaded only when asked for: its tables are unpacked at once.
  const { default: saslprep } = await import('@mongodb-js/saslprep')
  try {
    return saslprep(password) || password
  } catch {
    return password
  }
}
