/** Ties the page together: the choice of a PDF, the form, and what becomes of them. */
import { fetchSample, fetchSettings, fetchToken, fetchVerdicts } from './demo-server.ts'
import { byId, element } from './element.ts'
import { createService, PageError, type Service } from './service.ts'
import { clearResult, showExchanges, showFailure, showSigned, showStep, sizeOf } from './show.ts'
import { type Choices, signPdf } from './sign.ts'

interface Chosen {
  readonly name: string
  readonly size: number
  read(): Promise<Uint8Array>
}

const form = byId<HTMLFormElement>('form')
const drop = byId('drop')
const fileInput = byId<HTMLInputElement>('file')
const signButton = byId<HTMLButtonElement>('sign')
const levels = byId<HTMLFieldSetElement>('levels')
const settings = fetchSettings()
let chosen: Chosen | undefined

function choose(next: Chosen): void {
  chosen = next
  byId('chosen').textContent = `${next.name}, ${sizeOf(next.size)}`
}

function chooseFile(file: File | undefined): void {
  if (file === undefined) return
  choose({ name: file.name, size: file.size, read: async () => new Uint8Array(await file.arrayBuffer()) })
}

fileInput.addEventListener('change', () => chooseFile(fileInput.files?.[0]))

byId('sample').addEventListener('click', async () => {
  try {
    const sample = await fetchSample()
    choose({ name: 'sample.pdf', size: sample.byteLength, read: async () => sample })
  } catch (error) {
    clearResult()
    showFailure(error)
  }
})

// A file that misses the frame would be opened by the browser, in place of the page.
for (const type of ['dragover', 'dragleave', 'drop'] as const) {
  document.addEventListener(type, (event) => {
    event.preventDefault()
    drop.classList.toggle('over', type === 'dragover')
    if (type === 'drop') chooseFile(event.dataTransfer?.files[0])
  })
}

form.addEventListener('change', () => {
  const isCallback = new FormData(form).get('way') === 'callback'
  levels.disabled = isCallback
  byId('level-note').hidden = !isCallback
})

form.addEventListener('submit', async (event) => {
  event.preventDefault()
  if (signButton.disabled) return
  const fields = Object.fromEntries(new FormData(form))
  signButton.disabled = true
  signButton.textContent = 'Signing…'
  clearResult()
  try {
    await sign(fields as unknown as Choices & { token: string })
  } catch (error) {
    showFailure(error)
  } finally {
    signButton.disabled = false
    signButton.textContent = 'Sign'
  }
})

async function sign({ token: tokenKind, ...choices }: Choices & { token: string }): Promise<void> {
  if (chosen === undefined) throw new PageError('NO_PDF', 'There is no PDF to sign yet')
  const { name, size, read } = chosen
  const { service: address, maxPdfBytes } = await settings
  if (size > maxPdfBytes) {
    throw new PageError(
      'PDF_TOO_LARGE',
      `${name} has ${sizeOf(size)}, and the demo takes up to ${sizeOf(maxPdfBytes)}`,
    )
  }
  const token = await fetchToken(tokenKind)
  const service: Service = createService(address, token)
  try {
    const signed = await signPdf(await read(), choices, service, showStep)
    await showStep('pdfsig and OpenSSL judge the signed PDF.')
    showSigned(signed, await fetchVerdicts(signed.pdf), name.replace(/(\.pdf)?$/i, '-signed.pdf'))
    await showStep('Done.')
  } finally {
    showExchanges(service.exchanges)
  }
}

settings.then(
  ({ signers }) => {
    byId('signer').replaceChildren(
      ...signers.map(({ name, description }) =>
        element('option', { value: name }, `${name}: ${description}`),
      ),
    )
  },
  (error: unknown) => {
    clearResult()
    showFailure(error)
  },
)
