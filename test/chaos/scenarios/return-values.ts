/** Every return value that the service knows, given by each signing call for as long as the fault lasts. */
import { RETURN_VALUES } from '../../../src/pkcs11/return-values.ts'
import { planned, type Scenario } from '../scenario.ts'

/** What PKCS#11 2.40 5.11 has C_SignInit say, and not C_Sign. */
const OF_SIGN_INIT: ReadonlySet<string> = new Set([
  'CKR_KEY_FUNCTION_NOT_PERMITTED',
  'CKR_KEY_HANDLE_INVALID',
  'CKR_KEY_SIZE_RANGE',
  'CKR_KEY_TYPE_INCONSISTENT',
  'CKR_MECHANISM_INVALID',
  'CKR_MECHANISM_PARAM_INVALID',
  'CKR_OBJECT_HANDLE_INVALID',
  'CKR_OPERATION_ACTIVE',
])

/** One scenario a return value; after those that speak of the PIN, the service must not sign again. */
export const returnValues: readonly Scenario[] = [...RETURN_VALUES].map(([name, recovery]) => {
  const call = OF_SIGN_INIT.has(name) ? 'C_SignInit' : 'C_Sign'
  const fields = { name, what: `${call} returns it each time` }
  return recovery === 'pin'
    ? planned({ ...fields, server: 'own', ends: 'pin refused' }, `${call} return ${name}`)
    : planned(fields, `${call} return ${name}`)
})
