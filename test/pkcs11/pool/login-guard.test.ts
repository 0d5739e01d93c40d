import t from 'tap'
import { LoginGuard } from '../../../src/pkcs11/pool/login-guard.ts'

t.test('a PIN that was never taken is told three times to a token that does not answer', async (t) => {
  const guard = new LoginGuard()
  for (let login = 1; login <= 3; login++) {
    t.notOk(guard.exhausted)
    guard.begun()
  }
  t.ok(guard.exhausted)
  guard.answered('CKR_DEVICE_ERROR')
  t.notOk(guard.exhausted, 'an answer says that it was not refused')
})

t.test('one that was taken may be told again', async (t) => {
  const guard = new LoginGuard()
  guard.begun()
  guard.answered('CKR_OK')
  for (let login = 1; login <= 9; login++) {
    guard.begun()
  }
  t.notOk(guard.exhausted)
})

t.test('a refusal is the end, and so is a doubtful answer to the first login', async (t) => {
  t.notOk(new LoginGuard().answered('CKR_PIN_INCORRECT'))
  t.notOk(new LoginGuard().answered('CKR_FUNCTION_FAILED'))
  t.ok(new LoginGuard().answered('CKR_DEVICE_ERROR'))
})

t.test('a token that has taken the PIN may give two doubtful answers in a row', async (t) => {
  const guard = new LoginGuard()
  for (let time = 0; time < 3; time++) {
    t.ok(guard.answered('CKR_OK'))
    t.ok(guard.answered('CKR_FUNCTION_FAILED'))
    t.ok(guard.answered('CKR_FUNCTION_FAILED'))
  }
  t.notOk(guard.answered('CKR_FUNCTION_FAILED'))
})
