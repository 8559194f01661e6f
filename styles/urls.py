from django.urls import path

from . import keeping_views, making, readiness, review_views, shelf_views, views, ways_out

urlpatterns = [
    path("", views.library, name="library"),
    path("export.csv", views.export, {"kind": "csv"}, name="export_csv"),
    path("export.json", views.export, {"kind": "json"}, name="export_json"),
    path("healthz", readiness.healthz, name="healthz"),
    path("readyz", readiness.readyz, name="readyz"),
    path("styles/new/", making.new, name="style_new"),
    path("styles/bring-in/", keeping_views.attach, name="attach"),
    path("styles/<uuid:style_id>/", views.style, name="style"),
    path("styles/<uuid:style_id>/edit/", making.edit, name="style_edit"),
    path("styles/<uuid:style_id>/live/", views.live, name="style_live"),
    path("styles/<uuid:style_id>/images/<int:position>/", views.image, name="style_image"),
    path(
        "styles/<uuid:style_id>/images/<int:position>/preview/",
        views.image_preview,
        name="style_image_preview",
    ),
    path("styles/<uuid:style_id>/portrait/", views.portrait, name="style_portrait"),
    path("review/", review_views.queue, name="review"),
    path("review/next/", review_views.take_next, name="review_next"),
    path("review/many/", review_views.approve_many, name="review_many"),
    path("review/<uuid:style_id>/", review_views.one, name="review_style"),
    path("review/<uuid:style_id>/take/", review_views.take, name="review_take"),
    *(
        path(f"styles/<uuid:style_id>/{name.replace('_', '-')}/", view, name=f"style_{name}")
        for name, view in {
            "reopen": ways_out.reopen,
            "cancel": ways_out.cancel,
            "retry": ways_out.retry,
            "shrink": ways_out.shrink,
            "variant": ways_out.variant,
            "paste_id": ways_out.paste_id,
            "send_again": ways_out.send_again,
            "give_up": ways_out.give_up,
            "support": ways_out.support,
            "archive": shelf_views.archive,
            "bring_back": shelf_views.bring_back,
            "note": shelf_views.note,
            "instructions": keeping_views.instructions,
            "delete": keeping_views.delete,
            "keep": keeping_views.keep,
        }.items()
    ),
]
