/** PDFs that pages of another origin have signed, at each level. */
import t from 'tap'
import { judgeDocuments } from './judge-documents.ts'

await judgeDocuments(t, ['b-b', 'b-t', 'b-lt'])
