/** Whether `text` holds `secret` as it is, or its bytes in base64 (at any of the three alignments) or hex. */
export function holds(text: string, secret: Buffer | string): boolean {
  const bytes = Buffer.from(secret)
  const forms = [0, 1, 2].map((skipped) => bytes.subarray(skipped).toString('base64').slice(0, 16))
  forms.push(bytes.toString('hex'), bytes.toString('latin1'), bytes.toString('utf8'))
  forms.push(JSON.stringify(bytes.toString('utf8')).slice(1, -1), [...bytes.subarray(0, 8)].join(','))
  return forms.some((form) => text.toLowerCase().includes(form.toLowerCase()))
}
