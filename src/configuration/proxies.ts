/** Reads HTTP_PROXY, HTTPS_PROXY and NO_PROXY. */
import type { Environment } from '../../schemas/configuration.ts'
import { defined } from '../common/defined.ts'
import { Password } from '../common/password.ts'
import { Proxies, type ProxyServer } from '../common/proxies.ts'
import type { ConfigurationProblem } from '../errors.ts'
import { problemWith } from './problem.ts'
import { dropUnset, type Variables, validate } from './variables.ts'

/**
 * Reads the proxies. A wrong value is not quoted, since it can hold a password.
 *
 * @param environment the environment of the values, which may have their names in lower case
 */
export function readProxies(
  values: Partial<Environment>,
  environment: Variables,
  problems: ConfigurationProblem[],
): Proxies {
  const read = (name: 'HTTP_PROXY' | 'HTTPS_PROXY') => {
    const lower = name.toLowerCase()
    const origin = environment[lower] ? `is set by ${lower}, which ` : ''
    return readProxy(values[name], (wrong) => problems.push(problemWith(name, `${origin}${wrong}`)))
  }
  return new Proxies(
    defined({ http: read('HTTP_PROXY'), https: read('HTTPS_PROXY'), except: values.NO_PROXY }),
  )
}

/** Returns the proxies that the environment names, for a process that has no other part of the configuration. */
export function proxiesOfEnvironment(environment: Variables = process.env): Proxies {
  return readProxies(validate(dropUnset(environment, []), []), environment, [])
}

function readProxy(value: string | undefined, refuse: (wrong: string) => void): ProxyServer | undefined {
  if (value === undefined) {
    return undefined
  }
  // curl and other programs accept an address without http://
  const text = /^[a-z][a-z0-9+.-]*:\/\//i.test(value) ? value : `http://${value}`
  const url = URL.canParse(text) ? new URL(text) : undefined
  const credentials = url && readCredentials(url)
  if (url === undefined || credentials === undefined) {
    refuse('is no address of a proxy')
    return undefined
  }
  if (url.protocol !== 'http:') {
    refuse('is the address of a proxy that is not asked over plain HTTP')
    return undefined
  }
  if (url.pathname !== '/' || url.search !== '' || url.hash !== '') {
    refuse('has more in it than the address of a proxy')
    return undefined
  }
  return { url: new URL(url.origin), ...credentials }
}

/** Returns undefined if user or password are not percent-encoded (RFC 3986 2.1). */
function readCredentials({ username, password }: URL): Pick<ProxyServer, 'authorization'> | undefined {
  if (username === '' && password === '') {
    return {}
  }
  try {
    const pair = `${decodeURIComponent(username)}:${decodeURIComponent(password)}`
    return { authorization: new Password(`Basic ${Buffer.from(pair).toString('base64')}`) }
  } catch {
    return undefined
  }
}
