import { execFile } from 'node:child_process'
import { promisify } from 'node:util'

/**
 * Mounts a disk in memory until the end of the test.
 *
 * @param options of tmpfs, such as `size=64k` or `nr_inodes=5`
 * @returns whether this user may
 */
export async function mountDisk(
  t: { teardown(act: () => unknown): void },
  folder: string,
  options: string,
): Promise<boolean> {
  try {
    await promisify(execFile)('mount', ['-t', 'tmpfs', '-o', options, 'tmpfs', folder])
  } catch {
    return false
  }
  t.teardown(() => promisify(execFile)('umount', ['--lazy', folder]))
  return true
}
