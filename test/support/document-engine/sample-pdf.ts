import { PageSizes, PDFDocument, type PDFFont, type PDFPage, rgb, StandardFonts } from 'pdf-lib'

export interface SamplePdfOptions {
  /** 1 by default; every page has the same text. */
  pages?: number
  /** Object streams and a cross-reference stream (PDF 1.5) instead of a cross-reference table; false by default. */
  objectStreams?: boolean
}

/** One date for every run, so that the file in the repository changes only when its content does. */
const DATE = new Date('2025-01-01T00:00:00Z')

const INK = rgb(0.13, 0.15, 0.2)
const ACCENT = rgb(0.16, 0.36, 0.55)
const MARGIN = 72
const LINE = 16

const CLAUSES = [
  [
    '1. Purpose',
    'This document is a sample. It exists so that a PDF can be signed and the signature can be looked at. It has no legal effect and binds nobody.',
  ],
  [
    '2. The parties',
    'The first party and the second party are placeholders. They agree that this text is long enough to look like an agreement.',
  ],
  [
    '3. Signature',
    'The signature of this document is invisible on the page. A PDF reader shows it in its signature panel, together with the certificate of the signer and whether the document was changed afterwards.',
  ],
  [
    '4. Changes',
    'Anything added to this document after a signature is appended to the file. The bytes that were signed stay as they are, and the signature over them stays valid.',
  ],
] as const

interface Fonts {
  body: PDFFont
  bold: PDFFont
}

function drawPage(page: PDFPage, fonts: Fonts, number: number, total: number): void {
  const { width, height } = page.getSize()
  const maxWidth = width - 2 * MARGIN
  let y = height - MARGIN - 24
  page.drawText('Sample agreement', { x: MARGIN, y, size: 26, font: fonts.bold, color: INK })
  y -= 16
  page.drawLine({ start: { x: MARGIN, y }, end: { x: width - MARGIN, y }, thickness: 1.5, color: ACCENT })

  for (const [title, clause] of CLAUSES) {
    y -= 44
    page.drawText(title, { x: MARGIN, y, size: 13, font: fonts.bold, color: ACCENT })
    y -= 20
    const options = { x: MARGIN, size: 11, font: fonts.body, color: INK, lineHeight: LINE, maxWidth }
    page.drawText(clause, { ...options, y })
    y -= LINE * (Math.ceil(fonts.body.widthOfTextAtSize(clause, 11) / maxWidth) - 1)
  }

  for (const [label, x] of [
    ['First party', MARGIN],
    ['Second party', width / 2 + 18],
  ] as const) {
    const end = x + maxWidth / 2 - 18
    page.drawLine({ start: { x, y: 150 }, end: { x: end, y: 150 }, thickness: 0.75, color: INK })
    page.drawText(label, { x, y: 134, size: 10, font: fonts.body, color: INK })
  }
  const footer = `Sample document, page ${number} of ${total}`
  page.drawText(footer, { x: MARGIN, y: 54, size: 9, font: fonts.body, color: ACCENT })
}

/** A neutral agreement that says it is a sample: unencrypted, unsigned, without a form. */
export async function samplePdf({
  pages = 1,
  objectStreams = false,
}: SamplePdfOptions = {}): Promise<Buffer> {
  const doc = await PDFDocument.create()
  doc.setTitle('Sample agreement')
  doc.setProducer('pdf-lib')
  doc.setCreator('sample-pdf')
  doc.setCreationDate(DATE)
  doc.setModificationDate(DATE)
  const fonts = {
    body: await doc.embedFont(StandardFonts.Helvetica),
    bold: await doc.embedFont(StandardFonts.HelveticaBold),
  }
  for (let number = 1; number <= pages; number++) drawPage(doc.addPage(PageSizes.A4), fonts, number, pages)
  return Buffer.from(await doc.save({ useObjectStreams: objectStreams }))
}
