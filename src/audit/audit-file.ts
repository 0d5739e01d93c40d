/** The file of the records: one process appends to it, and finds its end again after a crash, a full disk or a removal. */
import { spawnSync } from 'node:child_process'
import { type FileHandle, open, readdir, rename, stat, statfs } from 'node:fs/promises'
import { basename, dirname, join, parse } from 'node:path'
import type { AuditRecord } from '../../schemas/audit-record.ts'
import { AuditFileError } from './audit-file-error.ts'
import { type ChainEnd, EMPTY_CHAIN, hashLine } from './chain.ts'

/** Longest line that is read back, in bytes. A checkpoint with a timestamp has some ten thousand. */
export const MAX_LINE_BYTES = 1_048_576
/** Records name callers: only the service's user, and its group, may read them. */
const MODE = 0o640
/** Digits of the number in the name of a file that was rotated, so that names sort as their records do. */
const DIGITS = 12
const NEWLINE = 0x0a
/** Exit code of flock where another process has the lock. */
const IS_LOCKED = 1

/** The end of a file, as it was found. */
export interface FoundEnd {
  readonly end: ChainEnd
  /** Name of the chain; absent if the file has no record. */
  readonly stream?: string
  /** An incomplete last line, which was moved to a file of its own. */
  readonly torn?: { readonly bytes: number; readonly sha256: string }
}

export class AuditFile {
  readonly #path: string
  /** Holds the lock until the process ends. */
  #lock: FileHandle | undefined
  #handle: FileHandle | undefined
  #identity = ''
  #size = 0
  /** Number of the first record in the file, as far as it has one. */
  #first = 0

  constructor(path: string) {
    this.#path = path
  }

  /** Bytes in the file. */
  get size(): number {
    return this.#size
  }

  /**
   * Takes the lock, which the system releases when this process ends, however it does. Other processes are refused.
   *
   * @throws AuditFileError
   */
  async lock(): Promise<void> {
    if (this.#lock !== undefined) {
      return
    }
    const lock = await open(`${this.#path}.lock`, 'a', MODE)
    const { error, status } = spawnSync('flock', ['--exclusive', '--nonblock', '3'], {
      stdio: ['ignore', 'ignore', 'ignore', lock.fd],
    })
    if (status === 0) {
      this.#lock = lock
      return
    }
    await lock.close()
    throw new AuditFileError(
      status === IS_LOCKED
        ? 'is written by another process: each replica needs a file of its own'
        : `cannot be locked, for which flock of util-linux is needed (${(error as NodeJS.ErrnoException)?.code ?? `exit code ${status}`})`,
    )
  }

  /**
   * Opens the file, which is made if it does not exist, and finds the end of the chain: in it, or in the newest that was
   * rotated. An incomplete last line is moved to a file of its own.
   *
   * @throws AuditFileError if the first or the last line is not a record; the error of the system
   */
  async open(): Promise<FoundEnd> {
    await this.#handle?.close().catch(() => {})
    this.#handle = undefined
    const handle = await open(this.#path, 'a+', MODE)
    try {
      const found = await this.#findEnd(handle)
      const { dev, ino } = await handle.stat()
      this.#identity = `${dev}:${ino}`
      this.#handle = handle
      return found
    } catch (error) {
      await handle.close()
      throw error
    }
  }

  /**
   * Appends lines, and returns once they are on the disk.
   *
   * @param first number of the record in the first of them
   * @throws the error of the system; what was written then is unknown until `open` finds the end again
   */
  async append(lines: string, first: number): Promise<void> {
    const handle = this.#handle as FileHandle
    const bytes = Buffer.from(lines)
    await this.#checkIsThere()
    this.#first = this.#size === 0 ? first : this.#first
    for (let written = 0; written < bytes.length; ) {
      written += (await handle.write(bytes, written)).bytesWritten
    }
    await handle.datasync()
    // Records in a file that was removed meanwhile are lost
    await this.#checkIsThere()
    this.#size += bytes.length
  }

  /** Renames the file after its first record, and opens a new one. */
  async rotate(): Promise<void> {
    await rename(this.#path, rotatedName(this.#path, this.#first))
    await this.open()
  }

  /** Returns the bytes that are free for this user on the disk. */
  async freeBytes(): Promise<number> {
    const { bavail, bsize } = await statfs(dirname(this.#path))
    return bavail * bsize
  }

  async close(): Promise<void> {
    await this.#handle?.close()
    await this.#lock?.close()
  }

  async #checkIsThere(): Promise<void> {
    const { dev, ino } = await stat(this.#path)
    if (`${dev}:${ino}` !== this.#identity) {
      throw new AuditFileError('is another file than the one that was opened')
    }
  }

  async #findEnd(handle: FileHandle): Promise<FoundEnd> {
    this.#size = (await handle.stat()).size
    if (this.#size === 0) {
      await syncDirectory(dirname(this.#path))
      return this.#findEndOfRotated()
    }
    const tail = await readTail(handle, this.#size)
    const torn = tail.subarray(tail.lastIndexOf(NEWLINE) + 1)
    if (torn.length > 0) {
      await this.#setAside(handle, torn)
    }
    const whole = tail.subarray(0, tail.length - torn.length)
    const found = whole.length > 0 ? readLastRecord(whole) : await this.#findEndOfRotated()
    this.#first = whole.length > 0 ? await readFirstNumber(handle) : 0
    return torn.length === 0 ? found : { ...found, torn: { bytes: torn.length, sha256: hashLine(torn) } }
  }

  async #findEndOfRotated(): Promise<FoundEnd> {
    const { dir, name, ext } = parse(this.#path)
    const isRotated = (file: string) =>
      file.startsWith(`${name}-`) &&
      new RegExp(`^\\d{${DIGITS}}$`).test(basename(file, ext).slice(name.length + 1))
    const newest = (await readdir(dir)).filter(isRotated).sort().at(-1)
    if (newest === undefined) {
      return { end: EMPTY_CHAIN }
    }
    const handle = await open(join(dir, newest), 'r')
    try {
      return readLastRecord(await readTail(handle, (await handle.stat()).size))
    } finally {
      await handle.close()
    }
  }

  /** Moves an incomplete last line to a file of its own, which is kept: it may be all that is left of a record. */
  async #setAside(handle: FileHandle, torn: Buffer): Promise<void> {
    const aside = await open(`${this.#path}.torn-${hashLine(torn).slice(0, 16)}`, 'w', MODE)
    try {
      await aside.writeFile(torn)
      await aside.sync()
    } finally {
      await aside.close()
    }
    this.#size -= torn.length
    await handle.truncate(this.#size)
    await handle.sync()
  }
}

/** Returns the name of a file that was rotated, such as `audit-000000000001.jsonl`. */
export function rotatedName(path: string, first: number): string {
  const { dir, name, ext } = parse(path)
  return join(dir, `${name}-${String(first).padStart(DIGITS, '0')}${ext}`)
}

/** Returns the last bytes of a file, among which its last line is. */
async function readTail(handle: FileHandle, size: number): Promise<Buffer> {
  const length = Math.min(size, 2 * MAX_LINE_BYTES)
  const { buffer, bytesRead } = await handle.read(Buffer.alloc(length), 0, length, size - length)
  return buffer.subarray(0, bytesRead)
}

/** @param whole ends with the end of a line */
function readLastRecord(whole: Buffer): FoundEnd {
  return readRecord(whole.subarray(whole.lastIndexOf(NEWLINE, -2) + 1, -1))
}

/** @throws AuditFileError */
function readRecord(line: Buffer): FoundEnd {
  try {
    const { number, time, stream } = JSON.parse(line.toString()) as AuditRecord
    const end = { number, head: hashLine(line), time: Date.parse(time) }
    if (!Number.isSafeInteger(number) || Number.isNaN(end.time) || typeof stream !== 'string') {
      throw new Error('no record')
    }
    return { end, stream }
  } catch {
    throw new AuditFileError('has a line that is not a record: move it away, and a new chain begins')
  }
}

/** Returns the number of the first record of a file that has one. */
async function readFirstNumber(handle: FileHandle): Promise<number> {
  const { buffer, bytesRead } = await handle.read(Buffer.alloc(MAX_LINE_BYTES), 0, MAX_LINE_BYTES, 0)
  return readRecord(buffer.subarray(0, buffer.subarray(0, bytesRead).indexOf(NEWLINE))).end.number
}

/** Makes the name of a new file outlive a crash. */
async function syncDirectory(path: string): Promise<void> {
  const directory = await open(path, 'r')
  try {
    await directory.sync()
  } finally {
    await directory.close()
  }
}
