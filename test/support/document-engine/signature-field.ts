import {
  PDFArray,
  PDFDict,
  type PDFDocument,
  PDFHexString,
  PDFName,
  PDFNumber,
  PDFRef,
  PDFString,
} from 'pdf-lib'

/** SignaturesExist and AppendOnly (ISO 32000-2 table 225). */
const SIG_FLAGS = 3

/** Print and Locked (ISO 32000-2 table 167). */
const ANNOTATION_FLAGS = 132

/** A dictionary and the indirect object it is written with: itself, or the one it is nested in. */
interface Owner {
  dict: PDFDict
  ref: PDFRef
}

/**
 * Appends to an array that may be missing, direct or an indirect object. pdf-lib notices a change of an indirect
 * object only; one in a direct array reaches the update by naming the object around it.
 */
function append(doc: PDFDocument, { dict, ref }: Owner, key: string, item: PDFRef): void {
  const name = PDFName.of(key)
  const array = dict.lookupMaybe(name, PDFArray)
  if (array) array.push(item)
  else dict.set(name, doc.context.obj([item]))
  doc.context.snapshot?.markRefForSave(ref)
}

function acroForm(doc: PDFDocument): Owner {
  const key = PDFName.of('AcroForm')
  const existing = doc.catalog.lookupMaybe(key, PDFDict)
  if (existing) {
    const entry = doc.catalog.get(key)
    const catalogRef = doc.context.trailerInfo.Root
    const ref = entry instanceof PDFRef ? entry : catalogRef
    if (!(ref instanceof PDFRef)) throw new Error('The catalog is not an indirect object')
    return { dict: existing, ref }
  }
  const dict = doc.context.obj({ Fields: [] })
  const ref = doc.context.register(dict)
  doc.catalog.set(key, ref)
  return { dict, ref }
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
  const name = freeFieldName(form.dict)
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
  append(doc, { dict: page.node, ref: page.ref }, 'Annots', field)
  append(doc, form, 'Fields', field)

  const flags = PDFName.of('SigFlags')
  const present = form.dict.lookupMaybe(flags, PDFNumber)?.asNumber() ?? 0
  form.dict.set(flags, PDFNumber.of(present | SIG_FLAGS))
  return name
}
