import { useCallback, useMemo, useSyncExternalStore } from 'react'

const listeners = new Set<() => void>()

const subscribe = (listener: () => void) => {
  listeners.add(listener)
  window.addEventListener('storage', listener)
  return () => {
    listeners.delete(listener)
    window.removeEventListener('storage', listener)
  }
}

/**
 * State that outlives a reload, for what somebody has typed. `sessionStorage` is one tab's; `localStorage` is the
 * same in all tabs, and still there after the browser was closed.
 */
export function useStored<Value>(
  storageName: 'localStorage' | 'sessionStorage',
  name: string,
  initial: Value,
): [Value, (change: (value: Value) => Value) => void] {
  const text = useSyncExternalStore(
    subscribe,
    () => window[storageName].getItem(name),
    () => null,
  )
  const value = useMemo(() => (text === null ? initial : (JSON.parse(text) as Value)), [text, initial])

  const setValue = useCallback(
    (change: (value: Value) => Value) => {
      const storage = window[storageName]
      // Read again: another tab may have been faster.
      const stored = storage.getItem(name)
      const changed = change(stored === null ? initial : JSON.parse(stored))
      if (changed === initial) storage.removeItem(name)
      else storage.setItem(name, JSON.stringify(changed))
      for (const listener of listeners) listener()
    },
    [storageName, name, initial],
  )
  return [value, setValue]
}
