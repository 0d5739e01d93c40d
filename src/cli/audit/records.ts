/** Reads the records of files, and writes results as they come. */
import { UnusablePdf } from '../../audit/pdf-signatures.ts'
import { MAX_LINE_BYTES, readFiles, UnreadableFile } from '../../audit/read-lines.ts'
import { type PlacedRecord, readRecord } from '../../audit/read-record.ts'
import { CommandFailed, type Io } from '../io.ts'

/** A record, where it is, and its line without the end. */
export type ReadLine = PlacedRecord & { readonly bytes: Buffer }

/**
 * Reads the records of files. It passes over an incomplete last line, which the service may be writing.
 *
 * @throws UnreadableFile, and CommandFailed if a line is no record
 */
export async function* readRecords(files: readonly string[]): AsyncGenerator<ReadLine, void> {
  for await (const { file, lines } of readFiles(files)) {
    for await (const { number: line, bytes, end } of lines) {
      if (end === 'line feed') {
        const { record, wrong } = readRecord(bytes)
        if (record === undefined) {
          throw new CommandFailed(`${file}, line ${line} ${wrong}`)
        }
        yield { record, file, line, bytes }
      } else if (end === 'limit') {
        throw new CommandFailed(`${file}, line ${line} is longer than ${MAX_LINE_BYTES} bytes`)
      }
    }
  }
}

/** Runs a command that reads files. A file that cannot be read, or is no PDF, becomes a message. */
export async function reading<T>(act: () => Promise<T>): Promise<T> {
  try {
    return await act()
  } catch (error) {
    const isOfFile = error instanceof UnreadableFile || error instanceof UnusablePdf
    throw isOfFile ? new CommandFailed(error.message) : error
  }
}

/**
 * Writes a part of a result, and waits until its reader takes more.
 *
 * @returns false if the reader has left (`| head -1`), so that nothing more need be made
 */
export async function writePart({ output }: Io, text: string): Promise<boolean> {
  if (output.write(text)) {
    return true
  }
  // A stdout whose reader has left is as before after the error, so that nothing but the event tells
  return new Promise<boolean>((resolve) => {
    const onDrain = () => done(true)
    const onEnd = () => done(false)
    const done = (takesMore: boolean) => {
      output.off('drain', onDrain).off('error', onEnd).off('close', onEnd)
      resolve(takesMore)
    }
    output.on('drain', onDrain).on('error', onEnd).on('close', onEnd)
  })
}
