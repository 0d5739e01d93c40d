#!/usr/bin/env node
import { readFile, writeFile } from 'node:fs/promises'
import { escapeInvisible } from '../../../src/common/quote.ts'
import { type ParsedArguments, parseArguments, UsageError } from './cli-arguments.ts'
import { SignPdfError } from './errors.ts'
import { signPdf } from './sign-pdf.ts'
import { usage } from './usage.ts'

async function run({ input, output, options }: ParsedArguments): Promise<void> {
  const signed = await signPdf({ pdf: await readFile(input), ...options })
  await writeFile(output, signed.pdf)
  for (const { action, status, durationMs } of signed.calls) {
    console.log(`${action}: ${status} in ${Math.round(durationMs)} ms`)
  }
  console.log(`${signed.fieldName}: a container of ${signed.container.byteLength} bytes, in ${output}`)
}

/** Files that cannot be read or written are the caller's to mend, like a refusal: no stack is printed for them. */
function isExpected(error: unknown): error is Error {
  return error instanceof SignPdfError || (error instanceof Error && 'syscall' in error)
}

try {
  const parsed = parseArguments(process.argv.slice(2))
  if (parsed === 'help') console.log(usage)
  else await run(parsed)
} catch (error) {
  if (error instanceof UsageError) {
    console.error(`${error.message}\n\n${usage}`)
    process.exitCode = 2
  } else if (isExpected(error)) {
    // Messages have words of the service, whatever answers as that
    console.error(escapeInvisible(error.message))
    process.exitCode = 1
  } else {
    throw error
  }
}
