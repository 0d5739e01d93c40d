import {
  PDFArray,
  PDFDict,
  type PDFDocument,
  PDFHexString,
  PDFName,
  PDFNumber,
  type PDFRef,
  PDFString,
} from 'pdf-lib'
import { appendTo } from './incremental-update.ts'

/** SignaturesExist and AppendOnly (ISO 32000-2 table 225). */
const SIG_FLAGS = 3

/** Print and Locked (ISO 32000-2 table 167). */
const ANNOTATION_FLAGS = 132

function acroForm(doc: PDFDocument): PDFDict {
  const key = PDFName.of('AcroForm')
  const existing = doc.catalog.lookupMaybe(key, PDFDict)
  if (existing) return existing
  const form = doc.context.obj({ Fields: [] })
  doc.catalog.set(key, doc.context.register(form))
  return form
}

/** `Signature1`, `Signature2`, ...: the first that no root field has (ISO 32000-2 12.7.4.2). */
function freeFieldName(form: PDFDict): string {
  const taken = new Set<string>()
  const fields = form.lookupMaybe(PDFName.of('Fields'), PDFArray)
  for (let index = 0; index < (fields?.size() ?? 0); index++) {
    const field = fields?.lookup(index)
    const title = field instanceof PDFDict ? field.lookup(PDFName.of('T')) : undefined
    if (title instanceof PDFString || title instanceof PDFHexString) taken.add(title.decodeText())
  }
  let number = 1
  while (taken.has(`Signature${number}`)) number++
  return `Signature${number}`
}

/**
 * Adds an invisible signature field with the value `signature` to the form and to the first page, and leaves all
 * fields, annotations and flags that are there.
 *
 * @returns the field's name
 */
export function addSignatureField(doc: PDFDocument, signature: PDFRef): string {
  const form = acroForm(doc)
  const page = doc.getPage(0)
  const name = freeFieldName(form)
  const field = doc.context.register(
    doc.context.obj({
      Type: 'Annot',
      Subtype: 'Widget',
      FT: 'Sig',
      T: PDFString.of(name),
      V: signature,
      F: ANNOTATION_FLAGS,
      Rect: [0, 0, 0, 0],
      P: page.ref,
    }),
  )
  appendTo(doc, page.node, 'Annots', field)
  appendTo(doc, form, 'Fields', field)

  const flags = PDFName.of('SigFlags')
  const present = form.lookupMaybe(flags, PDFNumber)?.asNumber() ?? 0
  form.set(flags, PDFNumber.of(present | SIG_FLAGS))
  return name
}
