import t from 'tap'
import { LoginGuard } from '../../src/pkcs11/login-guard.ts'

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
