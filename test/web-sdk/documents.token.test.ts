/** PDFs that pages of another origin have signed at the highest level; documents.system.test.ts has the others. */
import t from 'tap'
import { judgeDocuments } from './judge-documents.ts'

await judgeDocuments(t, ['b-lt'])
