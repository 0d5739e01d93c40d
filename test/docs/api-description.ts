/** Writes the description of the addresses, as `/docs/json` of a service has it that has all of them. */
import { describeApi } from '../../src/description/describe-api.ts'
import { listCompleteApp } from '../support/complete-app.ts'

export const OPENAPI = 'schemas/openapi.json'

export async function describeAddresses(): Promise<string> {
  const { routes } = await listCompleteApp()
  const described = await describeApi([{ scheme: 'http', port: 6000, routes }])
  return `${JSON.stringify(described, null, 2)}\n`
}
