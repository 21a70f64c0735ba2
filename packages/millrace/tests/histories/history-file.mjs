// A recorded history as a file: its events' names for people, the whole as Temporal's own encoding. (The SDK's JSON form of
// histories cannot be read where npm installs protobufjs twice.)
import proto from '@temporalio/proto';

const { History } = proto.temporal.api.history.v1;
const { EventType } = proto.temporal.api.enums.v1;

export function encodeHistory(history) {
  const events = history.events.map(({ eventType, activityTaskScheduledEventAttributes: scheduled }) => {
    const name = EventType[eventType].replace('EVENT_TYPE_', '').toLowerCase();
    return scheduled?.activityId ? `${name} ${scheduled.activityId}` : name;
  });
  const encoded = Buffer.from(History.encode(history).finish()).toString('base64');
  return `${JSON.stringify({ events, history: encoded }, null, 1)}\n`;
}

export function decodeHistory(text) {
  return History.decode(Buffer.from(JSON.parse(text).history, 'base64'));
}
