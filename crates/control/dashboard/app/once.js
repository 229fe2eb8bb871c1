/** @file A name for one deed of a person: sent twice, it is done once. It deliberately keeps nothing. */

/** A key for `Idempotency-Key`; also where the page has no https, unlike `crypto.randomUUID`. */
export function onceKey() {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');
}
