import pkcs11js from 'pkcs11js'
import t from 'tap'
import { describeFailure, readLoginAnswer } from '../../src/pkcs11/return-values.ts'

/** What the binding throws for a return value. */
function thrown(name: string, code: number) {
  return new pkcs11js.Pkcs11Error(`${name}:${code}\n    at PKCS11.C_Sign (pkcs11.cpp:1)`)
}

t.test('each return value has its cure', async (t) => {
  const cures = {
    'find-key': ['CKR_KEY_HANDLE_INVALID', 'CKR_OBJECT_HANDLE_INVALID'],
    'replace-session': [
      'CKR_SESSION_HANDLE_INVALID',
      'CKR_SESSION_CLOSED',
      'CKR_OPERATION_ACTIVE',
      'CKR_OPERATION_NOT_INITIALIZED',
    ],
    'log-in': ['CKR_USER_NOT_LOGGED_IN'],
    throttled: ['CKR_FUNCTION_FAILED', 'CKR_HOST_MEMORY', 'CKR_DEVICE_MEMORY', 'CKR_SESSION_COUNT'],
    device: [
      'CKR_DEVICE_ERROR',
      'CKR_DEVICE_REMOVED',
      'CKR_TOKEN_NOT_PRESENT',
      'CKR_GENERAL_ERROR',
      'CKR_NEW',
    ],
    pin: ['CKR_PIN_INCORRECT', 'CKR_PIN_LOCKED', 'CKR_PIN_EXPIRED', 'CKR_USER_PIN_NOT_INITIALIZED'],
    permanent: ['CKR_MECHANISM_INVALID', 'CKR_DATA_LEN_RANGE', 'CKR_KEY_FUNCTION_NOT_PERMITTED'],
  }
  for (const [recovery, names] of Object.entries(cures)) {
    for (const name of names) {
      t.match(describeFailure(thrown(name, 5)), { returnValue: name, recovery })
    }
  }
})

t.test(
  'a return value that only the vendor knows is a fault of the device, told by its number',
  async (t) => {
    t.match(describeFailure(thrown('CKR_VENDOR_DEFINED', 0x80000001)), {
      returnValue: '0x80000001',
      recovery: 'device',
    })
  },
)

t.test('a return value that only the binding does not know has its name', async (t) => {
  t.match(describeFailure(thrown('CKR_VENDOR_DEFINED', 0x1b)), { returnValue: 'CKR_ACTION_PROHIBITED' })
  t.match(describeFailure(new Error(`CKR_VENDOR_DEFINED:${0x140}`)), {
    returnValue: 'CKR_CURVE_NOT_SUPPORTED',
  })
})

t.test('what the binding leaves as the library module has thrown it is told apart as well', async (t) => {
  t.match(describeFailure(new Error('CKR_SESSION_CLOSED:176')), {
    returnValue: 'CKR_SESSION_CLOSED',
    recovery: 'replace-session',
  })
  t.match(describeFailure(new Error(`CKR_VENDOR_DEFINED:${0x80000001}`)), { returnValue: '0x80000001' })
})

t.test('what the answer to a login says about the PIN', async (t) => {
  const answers = {
    accepted: ['CKR_OK', 'CKR_USER_ALREADY_LOGGED_IN'],
    refused: ['CKR_PIN_INCORRECT', 'CKR_PIN_LOCKED', 'CKR_PIN_EXPIRED', 'CKR_USER_PIN_NOT_INITIALIZED'],
    'not-judged': [
      ...['CKR_DEVICE_ERROR', 'CKR_DEVICE_REMOVED', 'CKR_TOKEN_NOT_PRESENT', 'CKR_GENERAL_ERROR'],
      ...['CKR_CRYPTOKI_NOT_INITIALIZED', 'CKR_HOST_MEMORY', 'CKR_DEVICE_MEMORY', 'CKR_SESSION_COUNT'],
      ...['CKR_SESSION_HANDLE_INVALID', 'CKR_SESSION_READ_ONLY_EXISTS'],
    ],
    doubtful: ['CKR_ARGUMENTS_BAD', 'CKR_FUNCTION_FAILED', 'CKR_USER_TYPE_INVALID', '0x80000001'],
  }
  for (const [answer, returnValues] of Object.entries(answers)) {
    for (const returnValue of returnValues) {
      t.equal(readLoginAnswer(returnValue), answer, returnValue)
    }
  }
})

t.test('a mistake in the arguments is not repeated', async (t) => {
  t.same(describeFailure(new TypeError('Argument 0 has wrong type')), {
    returnValue: 'TypeError',
    call: '',
    recovery: 'permanent',
  })
})

t.test('anything else is a fault of the device', async (t) => {
  t.same(describeFailure(new Error('the private key is gone')), {
    returnValue: 'the private key is gone',
    call: '',
    recovery: 'device',
  })
})

t.test('an error that names a file is told without it', async (t) => {
  t.match(describeFailure(new Error('/opt/x/lib.so: cannot be opened')), {
    returnValue: 'an error that is no return value',
    recovery: 'device',
  })
})
