/** Finds out whether a signature of a PDF forbids others behind it. */
import { PDFArray, PDFDict, type PDFDocument, PDFName, PDFNumber } from 'pdf-lib'
import { SignPdfError } from './errors.ts'

/** Refuses a PDF of which another signature would break an earlier one. */
export function refuseLocked(doc: PDFDocument): void {
  if (signaturesOf(doc).some(isLocking)) {
    throw new SignPdfError(
      'LOCKED_PDF',
      'A signature of this PDF allows no change, and so no other signature',
    )
  }
}

/** Lists the certification signature, and those of the form's fields. */
function signaturesOf({ catalog }: PDFDocument): PDFDict[] {
  const certification = lookUp(lookUp(catalog, 'Perms'), 'DocMDP')
  const fields = fieldsIn(lookUp(lookUp(catalog, 'AcroForm'), 'Fields'))
  return [certification, ...fields.map((field) => lookUp(field, 'V'))].filter(
    (value) => value instanceof PDFDict,
  )
}

/** Lists fields and those below them, each once, as a file could make a circle of them. */
function fieldsIn(array: unknown): unknown[] {
  const fields = new Set(elementsOf(array))
  // A set goes on with what is added meanwhile
  for (const field of fields) {
    for (const kid of elementsOf(lookUp(field, 'Kids'))) {
      fields.add(kid)
    }
  }
  return [...fields]
}

/** Returns whether it permits no changes (ISO 32000-2 12.8.2.2), or none of any field (12.8.2.4). */
function isLocking(signature: PDFDict): boolean {
  return elementsOf(lookUp(signature, 'Reference')).some((reference) => {
    const method = lookUp(reference, 'TransformMethod')
    const parameters = lookUp(reference, 'TransformParams')
    const permission = lookUp(parameters, 'P')
    return (
      (method === PDFName.of('DocMDP') && permission instanceof PDFNumber && permission.asNumber() === 1) ||
      (method === PDFName.of('FieldMDP') && lookUp(parameters, 'Action') === PDFName.of('All'))
    )
  })
}

function lookUp(dict: unknown, key: string): unknown {
  return dict instanceof PDFDict ? dict.lookup(PDFName.of(key)) : undefined
}

function elementsOf(array: unknown): unknown[] {
  return array instanceof PDFArray
    ? Array.from({ length: array.size() }, (_, index) => array.lookup(index))
    : []
}
