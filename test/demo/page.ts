/** The demo's page in Chromium, without a word of what is in its script. */
import { readFile } from 'node:fs/promises'
import type { Page } from 'playwright-core'

export interface Choices {
  readonly way?: 'web-sdk' | 'callback'
  readonly container?: 'raw' | 'pkcs7'
  readonly type?: 'cades' | 'cms'
  readonly level?: 'b-b' | 'b-t' | 'b-lt'
  readonly signer?: string
  readonly token?: string
}

export async function choose(page: Page, { signer, token, ...radios }: Choices): Promise<void> {
  for (const [name, value] of Object.entries(radios)) {
    await page.locator(`input[name="${name}"][value="${value}"]`).check()
  }
  if (signer !== undefined) await page.getByLabel('Signer').selectOption(signer)
  if (token !== undefined) {
    const select = page.getByLabel('Token that the page sends')
    if (!(await select.isVisible())) await page.getByText('See a refusal').click()
    await select.selectOption(token)
  }
}

/** Drops a file onto the page, as from a file manager. */
export async function drop(page: Page, name: string, content: Uint8Array): Promise<void> {
  const transfer = await page.evaluateHandle(
    `(() => {
      const bytes = Uint8Array.from(atob('${Buffer.from(content).toString('base64')}'), (one) => one.charCodeAt(0))
      const transfer = new DataTransfer()
      transfer.items.add(new File([bytes], '${name}', { type: 'application/pdf' }))
      return transfer
    })()`,
  )
  await page.dispatchEvent('#drop', 'drop', { dataTransfer: transfer })
  await page.getByText(`${name}, `).waitFor()
}

/** Presses the button. Returns the heading of the result, and its text. */
export async function sign(page: Page): Promise<{ heading: string; text: string }> {
  await page.getByRole('button', { name: 'Sign', exact: true }).click()
  await page.getByRole('button', { name: 'Sign', exact: true, disabled: false }).waitFor()
  const result = page.locator('#result')
  await result.waitFor()
  const [heading = '', text = ''] = [
    await result.locator('h2').allInnerTexts(),
    await result.allInnerTexts(),
  ].map((texts) => texts.join())
  return { heading, text }
}

/** Downloads the signed PDF. */
export async function download(page: Page): Promise<{ name: string; pdf: Buffer }> {
  const waiting = page.waitForEvent('download')
  await page.getByRole('link', { name: /^Download / }).click()
  const file = await waiting
  return { name: file.suggestedFilename(), pdf: await readFile(await file.path()) }
}
