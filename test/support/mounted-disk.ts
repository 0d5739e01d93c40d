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
export async function mountDisk(t: Ending, folder: string, options: string): Promise<boolean> {
  return (await mount(t, folder, ['-t', 'tmpfs', '-o', options, 'tmpfs'])) !== undefined
}

/**
 * Mounts a file over itself, as container engines do: nobody can rename it.
 *
 * @returns what ends that before the test does; undefined if this user may not mount
 */
export function mountFile(t: Ending, file: string): Promise<(() => Promise<void>) | undefined> {
  return mount(t, file, ['--bind', file])
}

async function mount(
  t: Ending,
  at: string,
  args: readonly string[],
): Promise<(() => Promise<void>) | undefined> {
  const run = promisify(execFile)
  try {
    await run('mount', [...args, at])
  } catch {
    return undefined
  }
  let isMounted = true
  const unmount = async () => {
    if (isMounted) {
      isMounted = false
      await run('umount', ['--lazy', at])
    }
  }
  t.teardown(unmount)
  return unmount
}
