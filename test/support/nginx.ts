import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { atProcessEnd, temporaryDirectory } from './cleanup.ts'
import { accepts, freePort } from './ports.ts'
import { giveToUnprivileged, unprivileged } from './unprivileged.ts'

export interface Nginx {
  port: number
  url: string
  remove(): Promise<void>
}

/** The program, or null when nginx is not installed. */
export const findNginx = (): string | null => Bun.which('nginx', { PATH: `${process.env.PATH}:/usr/sbin` })

/** Starts an nginx that spreads requests over the given ports of loopback. It ends with this process. */
export const startNginx = (ports: number[]): Promise<Nginx> =>
  startNginxWith((port) => replicasBehind(port, ports))

/**
 * Starts an nginx with blocks of a configuration of one's own.
 *
 * @param blocks what stands within `http`, for the port where it has to listen, on 127.0.0.1
 */
export async function startNginxWith(blocks: (port: number) => string): Promise<Nginx> {
  const program = findNginx()
  if (!program) throw new Error('nginx is not installed (Debian: apt-get install nginx-light)')
  const directory = temporaryDirectory('nginx')
  const port = await freePort()
  const configuration = join(directory.path, 'nginx.conf')
  const temporary = join(directory.path, 'temporary')
  await mkdir(temporary)
  await writeFile(configuration, configurationOf(blocks(port), directory.path))
  await giveToUnprivileged(directory.path, configuration, temporary)
  const log = Bun.file(join(directory.path, 'error.log'))
  const command = [program, '-p', directory.path, '-c', configuration, '-e', 'stderr']
  const nginx = Bun.spawn(unprivileged(command), {
    stdin: 'ignore',
    stdout: log,
    stderr: log,
    cwd: directory.path,
  })
  const cancelCleanup = atProcessEnd('kill -KILL "$1"', String(nginx.pid))
  while (!(await accepts(port))) {
    if (nginx.exitCode !== null) throw new Error(`nginx did not start: ${await log.text()}`)
    await Bun.sleep(5)
  }
  return {
    port,
    url: `http://127.0.0.1:${port}`,
    async remove() {
      nginx.kill('SIGTERM')
      await nginx.exited
      cancelCleanup()
      await directory.remove()
    },
  }
}

function configurationOf(blocks: string, directory: string): string {
  const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi']
    .map((name) => `  ${name}_temp_path ${directory}/temporary/${name};`)
    .join('\n')
  return `
daemon off;
worker_processes 1;
pid ${directory}/nginx.pid;
error_log stderr warn;
events { worker_connections 2048; }
http {
${temporary}
  access_log off;
${blocks}
}
`
}

/**
 * Only a GET is tried on the next replica. By itself nginx would also repeat PUT and DELETE, which may have
 * been stored by the replica that died; what to do about those is for the client to decide.
 */
function replicasBehind(port: number, ports: number[]): string {
  const servers = ports.map((one) => `server 127.0.0.1:${one} max_fails=1 fail_timeout=1s;`).join(' ')
  return `
  upstream replicas { ${servers} keepalive 64; }
  server {
    listen 127.0.0.1:${port};
    proxy_http_version 1.1;
    proxy_set_header Connection "";
    proxy_set_header Host $http_host;
    proxy_connect_timeout 1s;
    error_page 418 = @read;
    location / {
      if ($request_method = GET) { return 418; }
      proxy_pass http://replicas;
      proxy_next_upstream off;
    }
    location @read {
      proxy_pass http://replicas;
      proxy_next_upstream error timeout;
    }
  }`
}
