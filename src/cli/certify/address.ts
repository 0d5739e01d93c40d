/**
 * Checks an http or https address.
 *
 * @throws Error whose message says what the address must be
 */
export function parseAddress(text: string): string {
  if (!/^https?:\/\/[\x21-\x7e]+$/i.test(text) || !URL.canParse(text)) {
    throw new Error('it must be an address such as http://ca.example.com/test.crl')
  }
  return text
}
