import { repositoryPath } from './repository.ts'

/** Coverage is measured of what tsc has compiled, file by file. */
const folder = ['0', undefined].includes(process.env._TAPJS_PROCESSINFO_COVERAGE_) ? 'bundle' : 'src'

/** Returns the path of a program as users start it: bundled, `server` for `src/server.ts`. */
export function programPath(name: string): string {
  return repositoryPath('dist', folder, `${name}.js`)
}
