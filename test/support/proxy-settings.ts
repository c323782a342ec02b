import { join } from 'node:path'

const operations = await Bun.file(join(import.meta.dir, '..', '..', 'docs', 'OPERATIONS.md')).text()

/** The blocks of a language that docs/OPERATIONS.md prints under "Behind a proxy". */
function printed(language: string): [string, ...string[]] {
  const section = /^## Behind a proxy\n(.*?)^## /ms.exec(operations)?.[1] ?? ''
  const [first, ...others] = [...section.matchAll(new RegExp(`\`\`\`${language}\n(.*?)\`\`\``, 'gs'))]
  if (!first) throw new Error(`OPERATIONS.md prints no ${language} under "Behind a proxy"`)
  return [first, ...others].map(([, block = '']) => block) as [string, ...string[]]
}

/** @throws when `from` does not occur: the page says something else than the test is about */
function replace(text: string, from: string, to: string): string {
  if (!text.includes(from)) throw new Error(`OPERATIONS.md does not print "${from}"`)
  return text.replace(from, () => to)
}

/** nginx's blocks as they are printed, but for the addresses; and without TLS. */
export function printedNginx(port: number, replicas: number[]): string {
  const [blocks] = printed('nginx')
  const one = /^ *server 127\.0\.0\.1:8000.*\n/m.exec(blocks)?.[0] ?? ''
  const all = replicas.map((replica) => one.replace('8000', String(replica))).join('')
  return listeningOn(port, replace(blocks, one, all))
}

/** What restarts two replicas, as it is printed, but for the addresses and where the files are. */
export interface PrintedRestarts {
  nginx(port: number): string
  /** For a shell that knows a `systemctl`. */
  script: string
}

/** The configuration of nginx for restarts, and the restarts. */
export function printedRestarts([one, other]: [number, number], directory: string): PrintedRestarts {
  const [blocks, forRestarts = ''] = printed('nginx')
  const [script] = printed('sh')
  const adapt = (text: string) =>
    text
      .replace(/8000|8001/g, (name) => String(name === '8000' ? one : other))
      .replaceAll('/run/todo', directory)
  const [upstreams, inServer, pass] =
    /^(.*)^server \{\n(.*)^ {2}location \/ \{\n(.*?\n)^ {2}\}\n\}/ms.exec(forRestarts)?.slice(1) ?? []
  const [upstream] = /^upstream .*?^\}\n/ms.exec(blocks) ?? []
  if (!upstreams || !inServer || !pass || !upstream) throw new Error('OPERATIONS.md prints something else')
  const all = [
    [upstream, upstreams],
    ['  location / {', `${inServer}  location / {`],
    ['    proxy_pass http://todo;\n', pass],
  ].reduce((text, [from = '', to = '']) => replace(text, from, to), blocks)
  return { nginx: (port) => listeningOn(port, adapt(all)), script: adapt(script) }
}

function listeningOn(port: number, blocks: string): string {
  return replace(blocks, 'listen 443 ssl;', `listen 127.0.0.1:${port};`)
}

/** Caddy's block as it is printed, but for the addresses; and without TLS. */
export function printedCaddy(port: number, replicas: number[]): string {
  const all = replicas.map((replica) => `127.0.0.1:${replica}`).join(' ')
  const [blocks] = printed('caddyfile')
  const block = replace(blocks, 'todo.example.com {', `http://127.0.0.1:${port} {`)
  return replace(block, '127.0.0.1:8000', all)
}
