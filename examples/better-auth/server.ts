import { auth, origin } from './auth.ts'

const apiUrl = process.env.API_URL ?? 'http://localhost:8000'
const file = (name: string) => Bun.file(new URL(`page/${name}`, import.meta.url))
const html = (await file('index.html').text()).replace('{{API_URL}}', apiUrl)

/** The page may talk to this server and to the task API, and to nothing else. */
const policy = `default-src 'self'; connect-src 'self' ${apiUrl}; img-src data:; frame-ancestors 'none'`

Bun.serve({
  hostname: 'localhost',
  port: new URL(origin).port,
  routes: {
    '/': () =>
      new Response(html, { headers: { 'content-type': 'text/html', 'content-security-policy': policy } }),
    '/app.js': new Response(file('app.js')),
    '/style.css': new Response(file('style.css')),
    '/api/auth/*': auth.handler,
  },
  fetch: () => new Response('Not found', { status: 404 }),
})

console.log(`Tasks on ${origin}, for the API on ${apiUrl}`)
