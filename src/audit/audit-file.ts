/** The file of the records: one process appends to it, and finds its end again after a crash, a full disk or a removal. */
import { spawnSync } from 'node:child_process'
import { constants, statSync } from 'node:fs'
import { access, type FileHandle, open, readdir, readFile, rename, stat, statfs } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import type { AuditRecord } from '../../schemas/audit-record.ts'
import { readRotatedNumber, rotatedName } from '../common/rotated-file.ts'
import { AuditFileError, AuditFileLocked } from './audit-file-error.ts'
import { type ChainEnd, EMPTY_CHAIN, hashLine } from './chain.ts'
import { LINE_FEED, MAX_LINE_BYTES } from './read-lines.ts'

/** Records name callers: only the service's user, and its group, may read them. */
const MODE = 0o640
/**
 * A write returns once its bytes are on the disk (O_DSYNC), for which a call of its own would cost each batch as much
 * again. A link is not followed: rotation would rename it, and go on in its folder.
 */
const FLAGS =
  constants.O_RDWR | constants.O_APPEND | constants.O_DSYNC | constants.O_CREAT | constants.O_NOFOLLOW
/** Advice for a file in which the end of the chain cannot be found. */
const MOVE_AWAY = 'move it away, with the rotated files beside it, and a new chain begins'
/** Exit code of flock where another process has the lock. */
const IS_LOCKED = 1
/** Time for the lock, in ms: a file server that is away would keep flock, and with it this process, for ever. */
const LOCK_TIMEOUT_MS = 5_000

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
  readonly #rotateBytes: number
  readonly #onUnmovable: (error: unknown) => void
  /** Size from which on the file is renamed. */
  #rotateAt: number
  /** Holds the lock until the process ends, on the file of this identity. */
  #lock: FileHandle | undefined
  #lockIdentity = ''
  #handle: FileHandle | undefined
  #identity = ''
  /** Bytes in the file, and how many of them are known to be on the disk. */
  #size = 0
  #synced = 0
  /** Number of the first record in the file, as far as it has one. */
  #first = 0

  /**
   * @param rotateBytes size from which on the next records go to a new file
   * @param onUnmovable called with the error of the system when the file cannot be renamed, and the next records go to it all the same
   */
  constructor(path: string, rotateBytes: number, onUnmovable: (error: unknown) => void) {
    this.#path = path
    this.#rotateBytes = rotateBytes
    this.#onUnmovable = onUnmovable
    this.#rotateAt = rotateBytes
  }

  /**
   * Takes the lock, unless it is held. The system releases it when this process ends, however it does.
   *
   * @throws AuditFileLocked while another process has it; AuditFileError
   */
  async lock(): Promise<void> {
    if (await this.#isLocked()) {
      return
    }
    const lock = await open(`${this.#path}.lock`, 'a', MODE)
    const { error, status } = spawnSync('flock', ['-x', '-n', '3'], {
      stdio: ['ignore', 'ignore', 'ignore', lock.fd],
      timeout: LOCK_TIMEOUT_MS,
    })
    if (status === 0) {
      await this.#lock?.close()
      this.#lock = lock
      this.#lockIdentity = describeIdentity(await lock.stat())
      return
    }
    await lock.close()
    if (status === IS_LOCKED) {
      throw new AuditFileLocked('is written by another process: each replica needs a file of its own')
    }
    const reason = (error as NodeJS.ErrnoException)?.code ?? `exit code ${status}`
    throw new AuditFileError(`cannot be locked, for which flock of util-linux is needed (${reason})`)
  }

  /**
   * Opens the file, which is made if it does not exist, and finds the end of the chain: in it, or in the newest that was
   * rotated. An incomplete last line is moved to a file of its own.
   *
   * @throws AuditFileError if the first or the last line is not a record, or the file is none; the error of the system
   */
  async open(): Promise<FoundEnd> {
    await this.#handle?.close().catch(() => {})
    this.#handle = undefined
    const handle = await open(this.#path, FLAGS, MODE).catch(explainLink)
    try {
      const stats = await handle.stat()
      if (!stats.isFile()) {
        throw new AuditFileError('is not a file')
      }
      const identity = describeIdentity(stats)
      if (identity !== this.#identity) {
        this.#identity = identity
        this.#synced = stats.size
      } else if (stats.size > this.#synced) {
        await this.#writeAgain(handle, this.#synced, stats.size)
      }
      // The process before may have ended between a write and its end
      await handle.datasync()
      const found = await this.#findEnd(handle, stats.size)
      await syncDirectory(dirname(this.#path))
      this.#handle = handle
      return found
    } catch (error) {
      await handle.close()
      throw error
    }
  }

  /**
   * Appends lines, and returns once they are on the disk. If the file is large, it is renamed after its first record
   * before, and the lines begin a new one. So a file that was rotated can be moved away: the current one has a record.
   *
   * @param first number of the record in the first of them
   * @throws the error of the system; what was written then is unknown until `open` finds the end again
   */
  async append(lines: string, first: number): Promise<void> {
    if (!(await this.#isLocked())) {
      throw new AuditFileError(
        'is not locked any more: its .lock was removed, so that another process could write, too',
      )
    }
    if (this.#size >= this.#rotateAt) {
      await this.#rotate()
    }
    const handle = this.#handle as FileHandle
    const bytes = Buffer.from(lines)
    this.#first = this.#size === 0 ? first : this.#first
    for (let written = 0; written < bytes.length; ) {
      written += (await handle.write(bytes, written)).bytesWritten
    }
    this.#checkUnchanged(bytes.length)
    this.#size += bytes.length
    this.#synced = this.#size
    if (this.#size === bytes.length) {
      await this.#noteEnd(undefined)
    }
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

  /** Returns whether the lock is held, and on the file that other processes would try to lock. */
  async #isLocked(): Promise<boolean> {
    const there = this.#lock && (await stat(`${this.#path}.lock`).catch(() => undefined))
    return there !== undefined && describeIdentity(there) === this.#lockIdentity
  }

  /** Refuses to go on if the file was removed, replaced or changed by others, who may have taken records with them. */
  #checkUnchanged(added: number): void {
    // The disk has just answered, so that nobody waits for this
    const stats = statSync(this.#path)
    if (describeIdentity(stats) !== this.#identity) {
      throw new AuditFileError('is another file than the one that was opened')
    }
    if (stats.size !== this.#size + added) {
      throw new AuditFileError('was changed by another program')
    }
  }

  /** Renames the file after its first record, and opens a new one. */
  async #rotate(): Promise<void> {
    // Others may have emptied it, and what has no record must not be taken for the last that was rotated
    this.#checkUnchanged(0)
    const rotated = rotatedName(this.#path, this.#first)
    const isTaken = await access(rotated).then(
      () => true,
      () => false,
    )
    if (isTaken) {
      // Renaming would remove what is there
      throw new AuditFileError(`is to become ${basename(rotated)}, which is there already`)
    }
    const tail = await readTail(this.#handle as FileHandle, this.#size)
    await this.#noteEnd(readLastRecord(tail, 'has'))
    try {
      await rename(this.#path, rotated)
    } catch (error) {
      // One large file is as good a proof as several. A file that is mounted by itself cannot be renamed
      await this.#noteEnd(undefined)
      this.#rotateAt = this.#size + this.#rotateBytes
      this.#onUnmovable(error)
      return
    }
    this.#rotateAt = this.#rotateBytes
    await this.open()
  }

  /**
   * Notes the end of the chain in the lock's file until the present file has a record, or removes the note: meanwhile rotated
   * files alone have the end, and somebody may move them away, as where the disk is full.
   */
  async #noteEnd(end: FoundEnd | undefined): Promise<void> {
    const lock = this.#lock as FileHandle
    const note = end === undefined ? '' : `${JSON.stringify(end)}\n`
    if (note !== '' || (await lock.stat()).size > 0) {
      await lock.truncate()
      await lock.appendFile(note)
      await lock.sync()
    }
  }

  async #readNote(): Promise<FoundEnd | undefined> {
    const note = await readFile(`${this.#path}.lock`, 'utf8')
    return note.endsWith('\n') ? parseNote(note) : undefined
  }

  /**
   * Writes bytes again that may not be on the disk: after a write that failed the system may take them for written
   * (fsync(2)), and the next records refer to them.
   */
  async #writeAgain(from: FileHandle, begin: number, end: number): Promise<void> {
    // In the mode of appending a position has no effect (pwrite(2))
    const to = await open(this.#path, 'r+')
    try {
      const bytes = await readBytes(from, begin, end - begin)
      await to.write(bytes, 0, bytes.length, begin)
    } finally {
      await to.close()
    }
  }

  async #findEnd(handle: FileHandle, size: number): Promise<FoundEnd> {
    this.#size = size
    if (size === 0) {
      return this.#findEndOfRotated()
    }
    const tail = await readTail(handle, size)
    const torn = tail.subarray(tail.lastIndexOf(LINE_FEED) + 1)
    if (torn.length === tail.length && size > tail.length) {
      throw new AuditFileError(`has no end of a line in its last ${tail.length} bytes: ${MOVE_AWAY}`)
    }
    if (torn.length > 0) {
      await this.#setAside(handle, torn)
    }
    const whole = tail.subarray(0, tail.length - torn.length)
    const found = whole.length > 0 ? await this.#findOwnEnd(handle, whole) : await this.#findEndOfRotated()
    return torn.length === 0 ? found : { ...found, torn: { bytes: torn.length, sha256: hashLine(torn) } }
  }

  /** @param whole the last bytes of the file, which end with a whole line */
  async #findOwnEnd(handle: FileHandle, whole: Buffer): Promise<FoundEnd> {
    const found = readLastRecord(whole, 'has')
    this.#first = await readFirstNumber(handle)
    await this.#noteEnd(undefined)
    return found
  }

  async #findEndOfRotated(): Promise<FoundEnd> {
    const noted = await this.#readNote()
    if (noted !== undefined) {
      return noted
    }
    const folder = dirname(this.#path)
    const isRotated = (file: string) => {
      const number = readRotatedNumber(file)
      return number !== undefined && rotatedName(this.#path, number) === join(folder, file)
    }
    const newest = (await readdir(folder)).filter(isRotated).sort().at(-1)
    if (newest === undefined) {
      return { end: EMPTY_CHAIN }
    }
    const handle = await open(join(folder, newest), 'r')
    try {
      return readLastRecord(
        await readTail(handle, (await handle.stat()).size),
        `follows ${newest}, which has`,
      )
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

/** Returns the last bytes of a file, among which its last line is. */
function readTail(handle: FileHandle, size: number): Promise<Buffer> {
  const length = Math.min(size, 2 * MAX_LINE_BYTES)
  return readBytes(handle, size - length, length)
}

async function readBytes(handle: FileHandle, position: number, length: number): Promise<Buffer> {
  const { buffer, bytesRead } = await handle.read(Buffer.alloc(length), 0, length, position)
  return buffer.subarray(0, bytesRead)
}

/** @param whole ends with the end of a line */
function readLastRecord(whole: Buffer, what: string): FoundEnd {
  return readEnd(whole.subarray(whole.lastIndexOf(LINE_FEED, -2) + 1, -1), what)
}

/**
 * Returns the end of a chain whose last line this is. The record is not verified, so that one of a later version does not
 * keep the service from going on.
 *
 * @param what begins the message of the error
 * @throws AuditFileError
 */
function readEnd(line: Buffer, what: string): FoundEnd {
  try {
    const { number, time, stream } = JSON.parse(line.toString()) as AuditRecord
    const end = { number, head: hashLine(line), time: Date.parse(time) }
    if (!Number.isSafeInteger(number) || Number.isNaN(end.time) || typeof stream !== 'string') {
      throw new Error('no record')
    }
    return { end, stream }
  } catch {
    throw new AuditFileError(`${what} a line that is not a record: ${MOVE_AWAY}`)
  }
}

/** @throws AuditFileError if another program has written the note, or changed it */
function parseNote(note: string): FoundEnd {
  try {
    const found = JSON.parse(note) as FoundEnd
    const { number, head, time } = found.end
    const isOurs = [number, time].every(Number.isSafeInteger)
    if (!isOurs || [head, found.stream].some((text) => typeof text !== 'string')) {
      throw new Error('no note')
    }
    return found
  } catch {
    throw new AuditFileError(
      'has beside it a .lock with a line that is not of this service: remove that file, unless another program uses it',
    )
  }
}

/** Returns the number of the first record of a file that has one. */
async function readFirstNumber(handle: FileHandle): Promise<number> {
  const bytes = await readBytes(handle, 0, MAX_LINE_BYTES)
  return readEnd(bytes.subarray(0, bytes.indexOf(LINE_FEED)), 'has').end.number
}

function describeIdentity({ dev, ino }: { readonly dev: number; readonly ino: number }): string {
  return `${dev}:${ino}`
}

/** @throws AuditFileError if the file is a symbolic link; else the error */
function explainLink(error: NodeJS.ErrnoException): never {
  throw error.code === 'ELOOP'
    ? new AuditFileError('is a symbolic link: name the file that it leads to')
    : error
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
