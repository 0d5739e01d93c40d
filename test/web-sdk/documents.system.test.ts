/** PDFs that pages of another origin have signed at the levels below that of documents.token.test.ts. */
import t from 'tap'
import { judgeDocuments } from './judge-documents.ts'

await judgeDocuments(t, ['b-b', 'b-t'])
