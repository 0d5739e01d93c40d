import { createHash } from 'node:crypto'
import t from 'tap'
import { TEST_DOCUMENT } from '../../../src/cli/check/test-signature.ts'
import { readPage } from '../../support/pages.ts'

t.test(
  'the digest by which an auditor knows signatures of checks is that of the documentation',
  async (t) => {
    t.match(readPage('docs/command-line.md'), createHash('sha256').update(TEST_DOCUMENT).digest('hex'))
  },
)
