import { join } from 'node:path'

const operations = await Bun.file(join(import.meta.dir, '..', '..', 'docs', 'OPERATIONS.md')).text()

/** The block of a language that docs/OPERATIONS.md prints under "Behind a proxy". */
function printed(language: string): string {
  const section = /^## Behind a proxy\n(.*?)^## /ms.exec(operations)?.[1] ?? ''
  const block = new RegExp(`\`\`\`${language}\\n(.*?)\`\`\``, 's').exec(section)?.[1]
  if (!block) throw new Error(`OPERATIONS.md prints no ${language} under "Behind a proxy"`)
  return block
}

/** @throws when `from` does not occur: the page says something else than the test is about */
function replace(text: string, from: string, to: string): string {
  if (!text.includes(from)) throw new Error(`OPERATIONS.md does not print "${from}"`)
  return text.replace(from, () => to)
}

/** nginx's blocks as they are printed, but for the addresses; and without TLS. */
export function printedNginx(port: number, replicas: number[]): string {
  const one = /^ *server 127\.0\.0\.1:8000.*\n/m.exec(printed('nginx'))?.[0] ?? ''
  const all = replicas.map((replica) => one.replace('8000', String(replica))).join('')
  return replace(replace(printed('nginx'), one, all), 'listen 443 ssl;', `listen 127.0.0.1:${port};`)
}

/** Caddy's block as it is printed, but for the addresses; and without TLS. */
export function printedCaddy(port: number, replicas: number[]): string {
  const all = replicas.map((replica) => `127.0.0.1:${replica}`).join(' ')
  const block = replace(printed('caddyfile'), 'todo.example.com {', `http://127.0.0.1:${port} {`)
  return replace(block, '127.0.0.1:8000', all)
}
