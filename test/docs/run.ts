/** `npm run docs`: writes those parts of the documentation that the sources have already. */
import { writeFileSync } from 'node:fs'
import { replacePart } from '../support/markdown.ts'
import { readPage } from '../support/pages.ts'
import { repositoryPath } from '../support/repository.ts'
import { COMMAND_LINE, describeOptions } from './command-options.ts'
import { describeEnvironment } from './env-example.ts'

writeFileSync(repositoryPath('.env.example'), describeEnvironment())
writeFileSync(repositoryPath(COMMAND_LINE), replacePart(readPage(COMMAND_LINE), 'options', describeOptions()))
