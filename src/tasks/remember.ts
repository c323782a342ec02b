/** About 5 MB. */
const MAX_USERS = 50_000

/** Adds a user to a set. A full set is emptied first. */
export const remember = (users: Set<string>, userId: string): void => {
  if (users.size >= MAX_USERS) users.clear()
  users.add(userId)
}
