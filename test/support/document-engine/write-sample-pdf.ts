/**
 * Writes the sample of the repository anew, from the root of the repository:
 *
 *   npm run build && node dist/test/support/document-engine/write-sample-pdf.js
 */
import { writeFile } from 'node:fs/promises'
import { samplePdf } from './sample-pdf.ts'

await writeFile('test/support/document-engine/sample.pdf', await samplePdf())
