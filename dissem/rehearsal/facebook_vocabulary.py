"""The names that Facebook's pages know: parameters, metrics, what an attachment tells; and how far counts grow."""

FEED = {"message", "link", "attached_media", "published"}
PHOTOS = {
    "source",
    "url",
    "message",
    "caption",
    "name",
    "alt_text_custom",
    "published",
    "temporary",
}
VIDEOS = {
    "source",
    "file_url",
    "fbuploader_video_file_chunk",
    "title",
    "description",
    "published",
    "upload_phase",
    "upload_session_id",
    "file_size",
    "start_offset",
    "end_offset",
    "video_file_chunk",
}
REELS = {"upload_phase", "video_id", "video_state", "title", "description"}
STORIES = {"since", "until", "status"}
PAGING = {"limit", "since", "until", "after", "before"}

REACTIONS = ("like", "love", "wow", "haha", "sorry", "anger")
POST_METRICS = {
    "post_media_view",
    "post_total_media_view_unique",
    "post_clicks",
    "post_clicks_by_type",
    "post_reactions_by_type_total",
    "post_activity_by_action_type",
    "post_video_views",
    *(f"post_reactions_{kind}_total" for kind in REACTIONS),
}
STORY_METRICS = {
    "story_media_view",
    "story_total_media_view_unique",
    "story_interaction",
    "pages_fb_story_replies",
    "pages_fb_story_shares",
    "pages_fb_story_sticker_interactions",
    "pages_fb_story_thread_lightweight_reactions",
}
PAGE_METRICS = {
    "page_media_view",
    "page_total_media_view_unique",
    "page_follows",
    "page_daily_follows",
    "page_daily_follows_unique",
    "page_daily_unfollows_unique",
    "page_post_engagements",
    "page_views_total",
}
CEILINGS = {
    "post_media_view": 6_000,
    "post_total_media_view_unique": 3_500,
    "post_clicks": 300,
    "post_video_views": 900,
    "comments": 25,
    "shares": 30,
    "like": 150,
    "love": 30,
    "wow": 8,
    "haha": 5,
    "sorry": 3,
    "anger": 2,
}
STORY_CEILINGS = dict.fromkeys(STORY_METRICS, 40) | {
    "story_media_view": 2_500,
    "story_total_media_view_unique": 1_800,
    "pages_fb_story_thread_lightweight_reactions": 90,
}
ATTACHMENT = {
    "description",
    "id",
    "media",
    "media_type",
    "subattachments",
    "target",
    "title",
    "type",
    "unshimmed_url",
    "url",
}
