# Action Cable without Rails, served by puma. The token `bad` and the room `closed` are refused.
require "action_cable"
require "logger"

class Visitor < ActionCable::Connection::Base
  def connect
    reject_unauthorized_connection if request.params["token"] == "bad"
  end
end

class RoomChannel < ActionCable::Channel::Base
  def subscribed
    params["room"] == "closed" ? reject : stream_from("room_#{params["room"]}")
  end

  def speak(data)
    ActionCable.server.broadcast("room_#{params["room"]}", { text: data["text"] })
  end
end

ActionCable.server.config.tap do |config|
  config.connection_class = -> { Visitor }
  config.cable = { "adapter" => "async" }
  config.disable_request_forgery_protection = true
  config.logger = Logger.new(nil)
end
run ActionCable.server
