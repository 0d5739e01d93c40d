/** Shows the result of a signature: the signed PDF with its verdicts, or why there is none. */
import type { JudgedSignature } from './demo-server.ts'
import { byId, definitions, element } from './element.ts'
import { explain, explainShortfall } from './refusals.ts'
import type { Exchange } from './service.ts'
import type { SignedPdf } from './sign.ts'

/** A size as people read it. */
export function sizeOf(bytes: number): string {
  if (bytes < 1000) return `${bytes} bytes`
  return bytes < 1_000_000 ? `${Math.round(bytes / 1000)} kB` : `${(bytes / 1_000_000).toFixed(1)} MB`
}

let downloadUrl: string | undefined

/** Empties the places of an earlier result. */
export function clearResult(): void {
  byId('steps').replaceChildren()
  byId('result').hidden = true
  byId('wire').hidden = true
  byId('idle').hidden = true
  if (downloadUrl !== undefined) URL.revokeObjectURL(downloadUrl)
  downloadUrl = undefined
}

/** Adds a step to the list, and lets the browser draw it before the work goes on. */
export async function showStep(step: string): Promise<void> {
  byId('steps').append(element('li', {}, step))
  await new Promise((resolve) => setTimeout(resolve))
}

/**
 * @param verdicts of all signatures in the PDF, the new one last
 * @param name of the file to download
 */
export function showSigned(signed: SignedPdf, verdicts: readonly JudgedSignature[], name: string): void {
  const valid = verdicts.length > 0 && verdicts.every((verdict) => verdict.valid)
  const { pdf, level, shortfall, containerBytes, fieldName } = signed
  downloadUrl = URL.createObjectURL(new Blob([pdf], { type: 'application/pdf' }))
  const link = { href: downloadUrl, className: 'button primary' }
  showResult(valid ? 'Signed and valid' : 'Signed, but a validator objects', [
    element('p', {}, `The PDF carries a signature of level ${level}.`),
    ...(shortfall === undefined ? [] : [element('p', { className: 'bad' }, explainShortfall(shortfall))]),
    element(
      'p',
      {},
      element('a', { ...link, download: name }, `Download ${name} (${sizeOf(pdf.byteLength)})`),
    ),
    definitions([
      ['Signature field', fieldName],
      ['Level', level],
      ['Container', `${containerBytes.toLocaleString('en')} bytes`],
    ]),
    ...verdicts.flatMap(showVerdict),
  ])
}

function showVerdict({
  fieldName,
  signerName,
  subFilter,
  wholeDocument,
  findings,
}: JudgedSignature): HTMLElement[] {
  const words = findings.map(({ tool, valid, message }) => {
    const verdict = element('span', { className: valid ? 'good' : 'bad' }, valid ? '✓ valid' : '✗ not valid')
    return element('li', {}, element('code', {}, tool), ' ', verdict, ` – ${message}`)
  })
  const later = 'Something was appended after it: the DSS dictionary of level b-lt, or a further signature.'
  return [
    element('h3', {}, `What validators say about ${fieldName}`),
    definitions([
      ['Signer', signerName],
      ['SubFilter', subFilter],
      ['Covers', wholeDocument ? 'The whole document.' : later],
    ]),
    element('ul', {}, ...words),
  ]
}

/** Shows an error in words that say what to do, with what an operator needs to find it. */
export function showFailure(error: unknown): void {
  const { code, message, status, requestId } = error as Partial<Record<string, string>>
  const { sentence, advice } = explain(code)
  const isForeseen = code !== undefined
  if (!isForeseen) console.error(error)
  showResult('Not signed', [
    element('p', { className: 'bad' }, isForeseen ? sentence : 'The page itself failed.'),
    element('p', {}, isForeseen ? advice : 'The console of the browser has the reason.'),
    definitions([
      [status === undefined ? 'Reason' : 'Words of the service', message],
      ['Code', code],
      ['HTTP status', status === undefined ? undefined : `${status}`],
      ['Request id', requestId],
    ]),
  ])
}

function showResult(heading: string, content: readonly HTMLElement[]): void {
  byId('result-content').replaceChildren(...content)
  byId('result-heading').textContent = heading
  byId('result').hidden = false
  byId('result-heading').focus()
}

/** Shows requests and answers, each folded. */
export function showExchanges(exchanges: readonly Exchange[]): void {
  byId('wire').hidden = exchanges.length === 0
  byId('exchanges').replaceChildren(
    ...exchanges.map(({ path, token, request, status, durationMs, answer }) => {
      const authorization = token === 'sent' ? '\nAuthorization: Bearer •••••' : ''
      const title = `POST ${path} – ${status} in ${Math.round(durationMs)} ms`
      const head = `POST ${path}\nContent-Type: application/json\nAccept: application/json${authorization}`
      return element(
        'details',
        {},
        element('summary', {}, title),
        element('pre', {}, `${head}\n\n${JSON.stringify(request, undefined, 2)}`),
        element('pre', {}, `${status}\n\n${JSON.stringify(answer, undefined, 2) ?? ''}`),
      )
    }),
  )
}
