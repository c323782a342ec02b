import { type Fragment, fragment } from '../db/client.ts'
import { TaskReply } from './schema.ts'

/** A row of a task as statements read it, without what is known or follows from the status. */
export type TaskRow = Omit<TaskReply, 'user_id' | 'completed'>

/** The columns of a {@link TaskRow}, for `select` and `returning`. */
export const columns = fragment.unsafe(
  Object.keys(TaskReply.properties)
    .filter((name) => name !== 'user_id' && name !== 'completed')
    .join(', '),
) as Fragment

/** Makes the reply from a row. */
export const toReply = (
  userId: string,
  { id, title, description, status, created_at, updated_at }: TaskRow,
): TaskReply => ({
  id,
  user_id: userId,
  title,
  description,
  status,
  completed: status === 'completed',
  created_at,
  updated_at,
})
