/** Whole numbers and their bytes, most significant first. */

export function toNumber(bytes: Uint8Array): bigint {
  return BigInt(`0x0${Buffer.from(bytes).toString('hex')}`)
}

/** @param length bytes at least */
export function toBytes(number: bigint, length = 1): Buffer {
  const digits = number.toString(16)
  return Buffer.from(digits.padStart(Math.max(2 * length, digits.length + (digits.length % 2)), '0'), 'hex')
}

/** From 0 to the modulus, also of what is negative. */
export function reduce(number: bigint, modulus: bigint): bigint {
  const rest = number % modulus
  return rest < 0n ? rest + modulus : rest
}

export function power(base: bigint, exponent: bigint, modulus: bigint): bigint {
  let [result, square] = [1n, reduce(base, modulus)]
  for (let rest = exponent; rest > 0n; rest >>= 1n) {
    if (rest & 1n) result = (result * square) % modulus
    square = (square * square) % modulus
  }
  return result
}

/** @param modulus without a factor in common with the number */
export function invert(number: bigint, modulus: bigint): bigint {
  let [rest, next, factor, nextFactor] = [reduce(number, modulus), modulus, 1n, 0n]
  while (next > 0n) {
    const quotient = rest / next
    ;[rest, next] = [next, rest - quotient * next]
    ;[factor, nextFactor] = [nextFactor, factor - quotient * nextFactor]
  }
  return reduce(factor, modulus)
}

/** The smallest number whose cube is not below this one. */
export function cubeRoot(cube: bigint): bigint {
  let [low, high] = [0n, 1n << BigInt(Math.ceil(cube.toString(2).length / 3) + 1)]
  while (low < high) {
    const middle = (low + high) >> 1n
    if (middle ** 3n < cube) low = middle + 1n
    else high = middle
  }
  return low
}

/** The number of so many bits whose cube ends with these, for odd ones, of which each has just one. */
export function cubeRootOfEnd(end: bigint, bits: number): bigint {
  let root = 1n
  for (let bit = 1n; bit < bits; bit += 1n) {
    // With the bit or without it, what is below it of the cube is right already
    if (((root ** 3n - end) >> bit) & 1n) root |= 1n << bit
  }
  return root
}
