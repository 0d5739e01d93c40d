import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/**
 * Writes `files` into a directory of their own, for a tool that reads no bytes from its caller, and removes them
 * after `use` has settled.
 *
 * @param use receives the path of each file
 */
export async function withTemporaryFiles<Name extends string, Result>(
  files: Readonly<Record<Name, Uint8Array | string>>,
  use: (paths: Readonly<Record<Name, string>>) => Promise<Result>,
): Promise<Result> {
  const directory = await mkdtemp(join(tmpdir(), 'validate-'))
  try {
    const paths = {} as Record<Name, string>
    for (const name of Object.keys(files) as Name[]) {
      paths[name] = join(directory, name)
      await writeFile(paths[name], files[name])
    }
    return await use(paths)
  } finally {
    await rm(directory, { recursive: true, force: true })
  }
}
