/** Value of a required environment variable of a peer; without it the peer does not start. */
function required(name: string): string {
  const value = process.env[name]
  if (!value) throw new Error(`${name} is not set`)
  return value
}

/** The same variables that the service itself reads, so that the runner starts every server alike. */
export const environment = {
  databaseUrl: required('DATABASE_URL'),
  secret: required('BETTER_AUTH_SECRET'),
  hostname: process.env.HOST ?? '127.0.0.1',
  port: Number(required('PORT')),
}
