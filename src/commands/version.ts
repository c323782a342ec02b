import packageJson from '../../package.json'
import { migrations } from '../db/migration-files.ts'

/** `--version`: of this program, of Bun, and of the tables that it needs. */
export const describeVersion = (): string =>
  `todo-backend ${packageJson.version} (Bun ${Bun.version}, newest migration ${migrations.at(-1)?.name})`
