/** Next.js runs this once, when the server starts: the accounts' tables are made where they are missing. */
export async function register() {
  if (process.env.NEXT_RUNTIME !== 'nodejs') return
  const { migrate } = await import('./lib/auth')
  await migrate()
}
