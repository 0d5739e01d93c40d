#!/usr/bin/env node
/** The command `signing-service`. */
import { run } from './run.ts'

const { env: environment, stdin: input, stdout: output, stderr: errors } = process
process.exitCode = await run(process.argv.slice(2), { environment, input, output, errors })
