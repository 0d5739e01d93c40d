import { join } from 'node:path'
import type { Test } from 'tap'
import { makeNssDatabase } from '../support/validators/nss.ts'
import { type CallbackStandIn, type Responder, startCallbackStandIn } from './callback-stand-in.ts'
import { makeTestKeys, type TestKeys } from './test-keys.ts'

export interface Fixture {
  keys: TestKeys
  /** NSS database that trusts the root of `keys`. */
  nssDatabase: string
  service: CallbackStandIn
  /** Starts a service that answers otherwise; it ends with the test. */
  serve(respond: Responder): Promise<CallbackStandIn>
}

/** Keys, a trust database and a running callback stand-in, all gone when the test ends. */
export async function makeFixture(t: Test): Promise<Fixture> {
  const directory = t.testdir()
  const keys = await makeTestKeys(directory)
  const start = async (respond?: Responder): Promise<CallbackStandIn> => {
    const service = await startCallbackStandIn(directory, keys, respond)
    t.teardown(() => service.close())
    return service
  }
  return {
    keys,
    nssDatabase: await makeNssDatabase(join(directory, 'nss'), [keys.rootCertificate]),
    service: await start(),
    serve: start,
  }
}
