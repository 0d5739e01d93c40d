/** Characters of a form that are compared, so that the beginning of a long secret is found, too. */
const COMPARED = 24

/** Returns the forms in which a secret could be read: as it is, in JSON, in hex, as octets, and in base64 at any of its alignments. */
export function formsOf(secret: Buffer | string): string[] {
  const bytes = Buffer.from(secret)
  const text = bytes.toString('utf8')
  const hex = bytes.toString('hex').slice(0, COMPARED)
  const base64 = [0, 1, 2].flatMap((skipped) => {
    // The last characters depend on what follows
    const whole = bytes.subarray(skipped, skipped + 12)
    const encoded = whole.subarray(0, whole.length - (whole.length % 3)).toString('base64')
    return [encoded, encoded.replaceAll('+', '-').replaceAll('/', '_')]
  })
  const plain = [text, bytes.toString('latin1'), JSON.stringify(text).slice(1, -1)]
  const octets = [...bytes.subarray(0, 8)].join(',')
  return [
    ...new Set([...plain.map((form) => form.slice(0, COMPARED)), hex, hex.toUpperCase(), ...base64, octets]),
  ]
}

/** Returns whether a text holds a secret in one of its forms, or the beginning of a long one. */
export function holds(text: string, secret: Buffer | string): boolean {
  return formsOf(secret).some((form) => text.includes(form))
}
