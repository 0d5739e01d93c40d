import { execFile } from 'node:child_process'
import { promisify } from 'node:util'

interface Ending {
  teardown(act: () => unknown): void
}

/**
 * Mounts a disk in memory until the end of the test.
 *
 * @param options of tmpfs, such as `size=64k` or `nr_inodes=5`
 * @returns whether this user may
 */
export function mountDisk(t: Ending, folder: string, options: string): Promise<boolean> {
  return mount(t, folder, ['-t', 'tmpfs', '-o', options, 'tmpfs'])
}

/**
 * Mounts a file over itself until the end of the test, as container engines do: nobody can rename it.
 *
 * @returns whether this user may
 */
export function mountFile(t: Ending, file: string): Promise<boolean> {
  return mount(t, file, ['--bind', file])
}

async function mount(t: Ending, at: string, args: readonly string[]): Promise<boolean> {
  try {
    await promisify(execFile)('mount', [...args, at])
  } catch {
    return false
  }
  t.teardown(() => promisify(execFile)('umount', ['--lazy', at]))
  return true
}
