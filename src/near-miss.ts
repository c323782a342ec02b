/** Whether two names differ by one inserted, deleted or replaced letter, or by two swapped letters. */
export const isNearMiss = (name: string, other: string): boolean => {
  if (name === other) return false
  let same = 0
  while (same < name.length && name[same] === other[same]) same += 1
  const [rest, otherRest] = [name.slice(same), other.slice(same)]
  return (
    rest.slice(1) === otherRest.slice(1) ||
    rest.slice(1) === otherRest ||
    rest === otherRest.slice(1) ||
    `${rest[1]}${rest[0]}${rest.slice(2)}` === otherRest
  )
}
