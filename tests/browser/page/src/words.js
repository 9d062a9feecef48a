/** The site's wall clock, whatever zone this device is in: the API's times carry the site's offset. */
const clock = (at) => at.slice(11, 16);

const en = {
  language: "English",
  other: "vi",
  title: "Check in",
  introduction: "Look at the camera alone, in good light. It takes about ten seconds.",
  token: "Token of this camera",
  start: "Start",
  starting: "Getting ready …",
  recording: "Recording your check-in …",
  again: "Try again",
  next: "Next person",
  component: undefined, // it speaks English
  outcomes: {
    Punched: ({ receipt }) => [
      `Welcome, ${receipt.name}`,
      `${receipt.direction === "in" ? "You checked in" : "You checked out"} at ${clock(receipt.at)}.`,
    ],
    Duplicate: ({ receipt }) => [
      `Hello again, ${receipt.name}`,
      `You already checked ${receipt.direction} at ${clock(receipt.at)}; nothing new was recorded.`,
    ],
    NotLive: [
      "We could not confirm that you are really here",
      "Be alone in the picture, face good light, take off a mask or dark glasses, and come closer smoothly.",
    ],
    NotRecognised: ["We do not recognise you", "If you are enrolled, try again in better light. Else ask for enrolment."],
    AmbiguousMatch: ["We are not sure who you are", "Try again in better light, or ask for your check-in to be entered."],
    PoorVideo: ["The video was not good enough", "Hold still in good light, close other programs, and try again."],
    Cancelled: ["You stopped the check", "Nothing was recorded."],
    TimedOut: ["That took too long", "Come closer until your face fills the oval, within seven seconds."],
    TooClose: ["You were too close too early", "Sit back first, and come closer when you are told to."],
    SeveralFaces: ["There is more than one face", "Be alone in the picture."],
    Landscape: ["Turn your device upright", "The check works in portrait orientation only."],
    NoCamera: ["There is no camera", "Connect one, and try again."],
    CameraRefused: ["The camera is not allowed", "Allow this page to use the camera in your browser's settings, and try again."],
    CameraBusy: ["The camera cannot be used", "Close other programs that use it, and try again."],
    CameraTooSlow: ["This camera is too slow", "It needs 15 pictures a second or more."],
    SessionExpired: ["You waited too long", "A check must be done within three minutes. Try again."],
    SessionUsed: ["This check was already used", "Each check counts once. Try again."],
    WrongRegion: ["This camera page is set up for the wrong region", "Tell whoever runs it: the region of the check and of its server differ."],
    LockedOut: ["Too many attempts failed", "Wait a while, or ask for your check-in to be entered."],
    TooManyRequests: ["This camera is very busy", "Try again in a minute."],
    NoStreaming: ["This camera page is not set up", "Tell whoever runs it: the server lends no credentials to stream with."],
    ClockAhead: ({ minutes }) => [`This device's clock is ${minutes} minutes fast`, "Set it right, and try again."],
    ClockBehind: ({ minutes }) => [`This device's clock is ${minutes} minutes slow`, "Set it right, and try again."],
    NoConnection: ["The server cannot be reached", "Check the network, and try again."],
    NoAccess: ["This camera may not check people in", "Its token is missing, wrong or revoked."],
    Failed: ["Something went wrong on our side", "Nothing was recorded. Try again in a moment."],
  },
};

const vi = {
  language: "Tiếng Việt",
  other: "en",
  title: "Chấm công",
  introduction: "Nhìn vào camera một mình, ở nơi đủ sáng. Mất khoảng mười giây.",
  token: "Mã của camera này",
  start: "Bắt đầu",
  starting: "Đang chuẩn bị …",
  recording: "Đang ghi nhận …",
  again: "Thử lại",
  next: "Người tiếp theo",
  component: {
    startScreenBeginCheckText: "Bắt đầu quay",
    cancelLivenessCheckText: "Hủy",
    photosensitivityWarningHeadingText: "Cảnh báo nhạy cảm ánh sáng",
    photosensitivityWarningBodyText: "Màn hình sẽ nháy nhiều màu. Hãy thận trọng nếu bạn nhạy cảm với ánh sáng.",
    photosensitivityWarningInfoText: "Ánh sáng màu có thể gây động kinh ở một số người.",
    hintCenterFaceText: "Đưa mặt vào giữa",
    hintConnectingText: "Đang kết nối …",
    hintMoveFaceFrontOfCameraText: "Đưa mặt ra trước camera",
    hintCanNotIdentifyText: "Đưa mặt ra trước camera",
    hintTooManyFacesText: "Chỉ một người trước camera",
    hintFaceDetectedText: "Đã thấy mặt",
    hintFaceOffCenterText: "Mặt chưa ở trong hình bầu dục, hãy nhìn thẳng camera.",
    hintTooCloseText: "Lùi lại",
    hintTooFarText: "Lại gần hơn",
    hintMatchIndicatorText: "Được 50%. Tiếp tục lại gần.",
    hintHoldFaceForFreshnessText: "Giữ yên",
    hintVerifyingText: "Đang kiểm tra …",
    hintCheckCompleteText: "Xong",
    waitingCameraPermissionText: "Đang chờ bạn cho phép dùng camera.",
  },
  outcomes: {
    Punched: ({ receipt }) => [
      `Xin chào, ${receipt.name}`,
      `${receipt.direction === "in" ? "Đã ghi giờ vào" : "Đã ghi giờ ra"} lúc ${clock(receipt.at)}.`,
    ],
    Duplicate: ({ receipt }) => [
      `Xin chào lần nữa, ${receipt.name}`,
      `Đã có giờ ${receipt.direction === "in" ? "vào" : "ra"} lúc ${clock(receipt.at)}; không ghi thêm.`,
    ],
    NotLive: [
      "Chưa xác nhận được bạn đang ở đây",
      "Hãy ở một mình trong hình, nơi đủ sáng, bỏ khẩu trang hoặc kính râm, và lại gần từ từ.",
    ],
    NotRecognised: ["Không nhận ra bạn", "Nếu đã đăng ký khuôn mặt, hãy thử lại ở nơi sáng hơn. Nếu chưa, hãy xin đăng ký."],
    AmbiguousMatch: ["Chưa chắc bạn là ai", "Hãy thử lại ở nơi sáng hơn, hoặc nhờ nhập giờ giúp."],
    PoorVideo: ["Hình quay chưa đủ tốt", "Giữ yên ở nơi đủ sáng, đóng chương trình khác rồi thử lại."],
    Cancelled: ["Bạn đã dừng kiểm tra", "Chưa ghi gì cả."],
    TimedOut: ["Quá lâu", "Hãy lại gần cho mặt đầy hình bầu dục, trong bảy giây."],
    TooClose: ["Bạn ở gần quá sớm", "Hãy ngồi lùi trước, và lại gần khi được nhắc."],
    SeveralFaces: ["Có nhiều hơn một khuôn mặt", "Hãy ở một mình trong hình."],
    Landscape: ["Hãy dựng thẳng thiết bị", "Chỉ kiểm tra được khi màn hình dọc."],
    NoCamera: ["Không có camera", "Hãy nối camera rồi thử lại."],
    CameraRefused: ["Camera chưa được phép", "Hãy cho phép trang này dùng camera trong cài đặt trình duyệt rồi thử lại."],
    CameraBusy: ["Không dùng được camera", "Hãy đóng chương trình khác đang dùng camera rồi thử lại."],
    CameraTooSlow: ["Camera này quá chậm", "Cần ít nhất 15 hình mỗi giây."],
    SessionExpired: ["Bạn đã chờ quá lâu", "Phải kiểm tra xong trong ba phút. Hãy thử lại."],
    SessionUsed: ["Lần kiểm tra này đã dùng rồi", "Mỗi lần chỉ tính một lần. Hãy thử lại."],
    WrongRegion: ["Trang camera này đặt sai vùng (region)", "Hãy báo người quản trị: vùng của phiên kiểm tra và của máy chủ khác nhau."],
    LockedOut: ["Thử sai quá nhiều lần", "Hãy chờ một lúc, hoặc nhờ nhập giờ giúp."],
    TooManyRequests: ["Camera này đang rất bận", "Hãy thử lại sau một phút."],
    NoStreaming: ["Trang camera này chưa được thiết lập", "Hãy báo người quản trị: máy chủ không cấp quyền gửi hình."],
    ClockAhead: ({ minutes }) => [`Đồng hồ thiết bị này nhanh ${minutes} phút`, "Hãy chỉnh lại rồi thử lại."],
    ClockBehind: ({ minutes }) => [`Đồng hồ thiết bị này chậm ${minutes} phút`, "Hãy chỉnh lại rồi thử lại."],
    NoConnection: ["Không kết nối được máy chủ", "Hãy kiểm tra mạng rồi thử lại."],
    NoAccess: ["Camera này không được chấm công", "Mã của nó thiếu, sai hoặc đã bị thu hồi."],
    Failed: ["Có lỗi ở phía chúng tôi", "Chưa ghi gì cả. Hãy thử lại sau giây lát."],
  },
};

/** Title and text of an outcome; a code that has no words of its own is a failure on our side. */
function outcome({ code, ...details }) {
  const said = this.outcomes[code] ?? this.outcomes.Failed;
  return typeof said === "function" ? said(details) : said;
}

export const WORDS = { en: { ...en, outcome }, vi: { ...vi, outcome } };
