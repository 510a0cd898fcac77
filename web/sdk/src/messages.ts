// The messages of proto/freshet/v1, generated, for those who speak the wire themselves (`@freshet/client/messages`). Fields that this
// version does not know survive in `$unknown`.
export * from "./gen/freshet/v1/api_pb.js";
export * from "./gen/freshet/v1/dialog_pb.js";
export * from "./gen/freshet/v1/envelope_pb.js";
export * from "./gen/freshet/v1/event_pb.js";
export * from "./gen/freshet/v1/job_pb.js";
